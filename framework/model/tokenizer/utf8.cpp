// UTF-8 validation and repair.
#include "model/tokenizer/utf8.hpp"

#include <cstring>

namespace tokamak {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD"; // U+FFFD

std::uint8_t bytes_from_lead(unsigned char lead) {
  if (lead < 0x80)
    return 1;
  if (lead < 0xC2)
    return 0;
  if (lead < 0xE0)
    return 2;
  if (lead < 0xF0)
    return 3;
  return lead < 0xF5 ? 4 : 0;
}

// Whether `second` may follow `lead`: shuts out overlong forms, surrogates and what lies past U+10FFFF.
bool second_fits(unsigned char lead, unsigned char second) {
  switch (lead) {
  case 0xE0: return second >= 0xA0 && second <= 0xBF;
  case 0xED: return second >= 0x80 && second <= 0x9F;
  case 0xF0: return second >= 0x90 && second <= 0xBF;
  case 0xF4: return second >= 0x80 && second <= 0x8F;
  default: return (second & 0xC0) == 0x80;
  }
}

unsigned char at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

} // namespace

std::size_t utf8_character_bytes(std::string_view text) {
  if (text.empty())
    return 0;
  const std::size_t bytes = bytes_from_lead(at(text, 0));
  if (bytes <= 1)
    return bytes;
  if (bytes > text.size() || !second_fits(at(text, 0), at(text, 1)))
    return 0;
  for (std::size_t i = 2; i < bytes; ++i)
    if ((at(text, i) & 0xC0) != 0x80)
      return 0;
  return bytes;
}

std::size_t utf8_valid_prefix(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    // Eight ASCII bytes at a time: most text is mostly that.
    std::uint64_t word = 0;
    if (text.size() - i >= sizeof word) {
      std::memcpy(&word, text.data() + i, sizeof word);
      if ((word & 0x8080808080808080U) == 0) {
        i += sizeof word;
        continue;
      }
    }
    const std::size_t bytes = utf8_character_bytes(text.substr(i));
    if (bytes == 0)
      break;
    i += bytes;
  }
  return i;
}

char32_t utf8_code_point(std::string_view text) {
  const unsigned char lead = at(text, 0);
  if (lead < 0x80)
    return lead;
  const std::size_t bytes = bytes_from_lead(lead);
  char32_t value = lead & (0x7F >> bytes);
  for (std::size_t i = 1; i < bytes; ++i)
    value = (value << 6) | (at(text, i) & 0x3F);
  return value;
}

std::size_t white_space_prefix(std::string_view text) {
  const auto is_space = [](char32_t c) {
    return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
  };
  std::size_t at = 0;
  while (const std::size_t bytes = utf8_character_bytes(text.substr(at))) {
    if (!is_space(utf8_code_point(text.substr(at))))
      break;
    at += bytes;
  }
  return at;
}

void append_utf8(char32_t c, std::string& out) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    tail(0);
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

bool utf8_repair::accepts(unsigned char byte) const {
  if (pending_size_ == 1)
    return second_fits(static_cast<unsigned char>(pending_[0]), byte);
  return (byte & 0xC0) == 0x80;
}

void utf8_repair::push(std::string_view bytes, std::string& out) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    const unsigned char byte = at(bytes, i);
    if (pending_size_ == 0) {
      const std::size_t valid = utf8_valid_prefix(bytes.substr(i));
      out += bytes.substr(i, valid);
      i += valid;
      if (i == bytes.size())
        break;
      wanted_ = bytes_from_lead(at(bytes, i));
      if (wanted_ == 0)
        out += replacement;
      else
        pending_[pending_size_++] = bytes[i];
      ++i;
    } else if (accepts(byte)) {
      pending_[pending_size_++] = bytes[i++];
      if (pending_size_ == wanted_) {
        out.append(pending_.data(), pending_size_);
        pending_size_ = 0;
      }
    } else { // the byte begins something else: look at it again with nothing pending
      flush(out);
    }
  }
}

void utf8_repair::flush(std::string& out) {
  if (pending_size_ != 0)
    out += replacement;
  pending_size_ = 0;
}

} // namespace tokamak
