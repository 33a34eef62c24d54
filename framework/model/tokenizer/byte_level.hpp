// GPT-2's printable spelling of bytes: vocabularies of byte-level BPE write every byte as one character.
#pragma once

#include <string>
#include <string_view>

namespace tokamak {

/// The bytes that a token or merge part spells: U+0120 stands for a space, and so on. Text with any
/// character outside the alphabet is not spelled that way and is returned as it is.
std::string from_byte_level(std::string_view spelled);

/// The spelling of bytes in that alphabet.
std::string to_byte_level(std::string_view bytes);

} // namespace tokamak
