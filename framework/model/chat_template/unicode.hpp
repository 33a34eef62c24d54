// Unicode for Python's string semantics: UTF-8 in code points, character classes, case mappings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tokamak::jinja {

enum character_flags : std::uint8_t {
  is_alpha = 1,
  is_decimal = 2,
  is_digit = 4,
  is_numeric = 8,
  is_lower = 16,
  is_upper = 32,
  is_title = 64,
  is_printable = 128,
};

/// One code point at `position`, which moves past it. A byte that begins no valid sequence counts as
/// one character of its own (code 0xDC00 + byte, like Python's surrogateescape). REQUIRES: position < bytes.size().
char32_t next_character(std::string_view bytes, std::size_t& position);

/// Position of the character that ends before `position`. REQUIRES: 0 < position <= bytes.size().
std::size_t previous_position(std::string_view bytes, std::size_t position);

/// Appends UTF-8; the codes that next_character makes for stray bytes become that byte again.
void append_character(std::string& out, char32_t code);

std::size_t count_characters(std::string_view bytes);

/// The character_flags of a code point.
std::uint8_t character_class(char32_t code);
/// Python's str.isspace for one character.
bool is_space(char32_t code);

enum class letter_case { lower, upper, title, fold };
/// Appends the full case mapping of one character (up to three characters).
void append_case(std::string& out, char32_t code, letter_case to);
/// The lower case of the character at [at, after) of a text; a capital sigma that ends a word gets its final form.
void append_lower(std::string& out, std::string_view bytes, std::size_t at, std::size_t after);
/// Python's lower(), upper() or casefold() of a text.
std::string change_case(std::string_view bytes, letter_case to);

/// Without whitespace characters at the left and/or right end.
std::string_view strip_spaces(std::string_view bytes, bool left, bool right);

} // namespace tokamak::jinja
