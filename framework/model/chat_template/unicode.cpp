// UTF-8 decoding and lookups in the generated tables.
#include "model/chat_template/unicode.hpp"

#include <algorithm>
#include <iterator>

#include "model/chat_template/unicode_tables.hpp"

namespace tokamak::jinja {
namespace {

constexpr char32_t stray_byte = 0xDC00;

/// Length of the valid UTF-8 sequence at `position`, or 0 (RFC 3629: no overlong forms, no surrogates).
std::size_t sequence_length(std::string_view bytes, std::size_t position) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return position + i < bytes.size() ? static_cast<unsigned char>(bytes[position + i]) : 0u;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && tail(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

const case_table& table_of(letter_case to) {
  switch (to) {
    case letter_case::lower: return lower_table;
    case letter_case::upper: return upper_table;
    case letter_case::title: return title_table;
    case letter_case::fold: break;
  }
  return fold_table;
}

bool is_cased(char32_t code) { return (character_class(code) & (is_lower | is_upper | is_title)) != 0; }

/// A capital sigma that ends a word becomes the final form.
bool sigma_is_final(std::string_view bytes, std::size_t at, std::size_t after) {
  if (at == 0) return false;
  std::size_t before = previous_position(bytes, at);
  if (!is_cased(next_character(bytes, before))) return false;
  return after >= bytes.size() || !is_cased(next_character(bytes, after));
}

} // namespace

char32_t next_character(std::string_view bytes, std::size_t& position) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(bytes[position + i]));
  };
  const std::size_t length = sequence_length(bytes, position);
  char32_t code = 0;
  switch (length) {
    case 1: code = byte(0); break;
    case 2: code = (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F); break;
    case 3: code = (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F); break;
    case 4: code = (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F); break;
    default: code = stray_byte + byte(0); break;
  }
  position += length == 0 ? 1 : length;
  return code;
}

std::size_t previous_position(std::string_view bytes, std::size_t position) {
  for (std::size_t length = 1; length <= 4 && length <= position; ++length) {
    if (sequence_length(bytes, position - length) == length) return position - length;
  }
  return position - 1;
}

void append_character(std::string& out, char32_t code) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code >= stray_byte + 0x80 && code <= stray_byte + 0xFF) {
    put(code - stray_byte);
  } else if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

std::size_t count_characters(std::string_view bytes) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < bytes.size(); ++count) {
    if (static_cast<unsigned char>(bytes[i]) < 0x80) {
      ++i;
    } else {
      next_character(bytes, i);
    }
  }
  return count;
}

std::uint8_t character_class(char32_t code) {
  const auto* end = class_runs + class_run_count;
  const auto* next = std::upper_bound(class_runs, end, static_cast<std::uint32_t>(code) << 8 | 0xFFu);
  return next == class_runs ? 0 : static_cast<std::uint8_t>(*std::prev(next) & 0xFFu);
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

void append_case(std::string& out, char32_t code, letter_case to) {
  const case_table& table = table_of(to);
  const auto* expansions_end = table.expansions + table.expansion_count;
  const auto* expansion = std::lower_bound(table.expansions, expansions_end, code,
                                           [](const case_expansion& e, char32_t c) { return e.from < c; });
  if (expansion != expansions_end && expansion->from == code) {
    for (const auto part : expansion->to) {
      if (part != 0) append_character(out, part);
    }
    return;
  }
  const auto* ranges_end = table.ranges + table.range_count;
  const auto* range =
      std::lower_bound(table.ranges, ranges_end, code, [](const case_range& r, char32_t c) { return r.last < c; });
  if (range != ranges_end && code >= range->first && (code - range->first) % range->stride == 0) {
    code = static_cast<char32_t>(static_cast<std::int32_t>(code) + range->delta);
  }
  append_character(out, code);
}

void append_lower(std::string& out, std::string_view bytes, std::size_t at, std::size_t after) {
  constexpr char32_t capital_sigma = 0x3A3, sigma = 0x3C3, final_sigma = 0x3C2;
  const char32_t code = next_character(bytes, at);
  if (code != capital_sigma) return append_case(out, code, letter_case::lower);
  append_character(out, sigma_is_final(bytes, after - 2, after) ? final_sigma : sigma);
}

std::string change_case(std::string_view bytes, letter_case to) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t at = i;
    const char32_t code = next_character(bytes, i);
    if (to == letter_case::lower) append_lower(out, bytes, at, i);
    else append_case(out, code, to);
  }
  return out;
}

std::string_view strip_spaces(std::string_view bytes, bool left, bool right) {
  while (left && !bytes.empty()) {
    std::size_t next = 0;
    if (!is_space(next_character(bytes, next))) break;
    bytes.remove_prefix(next);
  }
  while (right && !bytes.empty()) {
    const std::size_t last = previous_position(bytes, bytes.size());
    std::size_t at = last;
    if (!is_space(next_character(bytes, at))) break;
    bytes = bytes.substr(0, last);
  }
  return bytes;
}

} // namespace tokamak::jinja
