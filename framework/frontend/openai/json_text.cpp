// Runs of bytes that need no escape are copied at once: most tokens are one run.
#include "frontend/openai/json_text.hpp"

#include "model/tokenizer/utf8.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace tokamak::frontend::openai {

namespace {

enum class byte_kind : std::uint8_t { plain, escape, wide };

constexpr auto kinds = [] {
  std::array<byte_kind, 256> k{};
  for (std::size_t i = 0; i < 0x20; ++i) k[i] = byte_kind::escape;
  k['"'] = k['\\'] = byte_kind::escape;
  for (std::size_t i = 0x80; i < 256; ++i) k[i] = byte_kind::wide;
  return k;
}();

byte_kind kind_of(char c) { return kinds[static_cast<unsigned char>(c)]; }

void append_escape(char c, std::string& out) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    default: break;
  }
  constexpr char digits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out += "\\u00";
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

} // namespace

void append_escaped(std::string_view text, std::string& out) {
  std::size_t begin = 0, i = 0;
  while (i < text.size()) {
    const auto kind = kind_of(text[i]);
    const auto bytes = kind == byte_kind::wide ? utf8_character_bytes(text.substr(i)) : kind == byte_kind::plain ? 1 : 0;
    if (bytes > 0) {
      i += bytes;
      continue;
    }
    out.append(text, begin, i - begin);
    if (kind == byte_kind::wide) out += "\xef\xbf\xbd";
    else append_escape(text[i], out);
    begin = ++i;
  }
  out.append(text, begin, i - begin);
}

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  append_escaped(text, out);
  out += '"';
}

void append_number(std::uint64_t n, std::string& out) { fmt::format_to(std::back_inserter(out), "{}", n); }

void append_logprob(float logprob, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{}", std::isfinite(logprob) ? logprob : -9999.0f);
}

void append_bytes(std::string_view bytes, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) out += ',';
    append_number(static_cast<unsigned char>(bytes[i]), out);
  }
  out += ']';
}

std::size_t characters_of(std::string_view text) {
  std::size_t n = 0;
  for (; !text.empty(); ++n) text.remove_prefix(std::max<std::size_t>(1, utf8_character_bytes(text)));
  return n;
}

std::string shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  const auto front = text.substr(0, most);
  return std::string(front.substr(0, utf8_valid_prefix(front))) + "…";
}

} // namespace tokamak::frontend::openai
