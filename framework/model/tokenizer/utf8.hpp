// UTF-8 as the tokenizers need it: lengths of well-formed characters, and repair of a byte stream that
// is cut anywhere (Unicode 15, chapter 3.9, table 3-7; U+FFFD for each maximal subpart).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tokamak {

/// Bytes of the well-formed character at the front of `text` (1 to 4), or 0 when there is none.
std::size_t utf8_character_bytes(std::string_view text);

/// Bytes of the longest well-formed prefix of `text`.
std::size_t utf8_valid_prefix(std::string_view text);

/// The code point of the well-formed character at the front. REQUIRES: utf8_character_bytes(text) > 0.
char32_t utf8_code_point(std::string_view text);

/// Bytes of the white space (Unicode's White_Space) at the front of `text`.
std::size_t white_space_prefix(std::string_view text);

/// Appends a code point as UTF-8. REQUIRES: at most 0x10FFFF.
void append_utf8(char32_t code_point, std::string& out);

/// Makes valid UTF-8 of any byte stream given in any cuts: the output depends only on the bytes.
class utf8_repair {
public:
  /// Appends to `out` every character that is now complete, and U+FFFD for each maximal part that can
  /// no longer become one.
  void push(std::string_view bytes, std::string& out);

  /// The stream ends: an unfinished character becomes one U+FFFD. Then as new.
  void flush(std::string& out);

  std::size_t pending_bytes() const { return pending_size_; }

private:
  bool accepts(unsigned char byte) const;

  std::array<char, 4> pending_{};
  std::uint8_t pending_size_ = 0;
  std::uint8_t wanted_ = 0; // bytes of the whole character that pending_ begins
};

} // namespace tokamak
