// JSON written by appending: strings and numbers on the way of a token, without a tree in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tokamak::frontend::openai {

/// The text as a JSON string without its quotes. UTF-8 passes as it is; each byte that belongs to no character becomes U+FFFD.
void append_escaped(std::string_view text, std::string& out);
/// With its quotes.
void append_json_string(std::string_view text, std::string& out);

void append_number(std::uint64_t n, std::string& out);
/// The shortest digits that read as the same float. JSON knows no infinity: what is not finite is -9999, as OpenAI writes it.
void append_logprob(float logprob, std::string& out);
/// [240,159]: the bytes of a token, which may be half a character.
void append_bytes(std::string_view bytes, std::string& out);

/// Characters (code points) of a text; each byte that belongs to none counts as one.
std::size_t characters_of(std::string_view text);

/// The longest beginning of at most `most` bytes that cuts no character; "…" follows if something was left out.
std::string shortened(std::string_view text, std::size_t most);

} // namespace tokamak::frontend::openai
