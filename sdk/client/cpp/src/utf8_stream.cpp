// Splitting after the Unicode standard, table 3-7 (well-formed UTF-8 byte sequences).
#include "utf8_stream.hpp"

#include <cstddef>
#include <cstdint>

namespace tokamak::client_detail {

namespace {

struct character {
  std::size_t length = 1;
  enum { complete, unfinished, invalid } state = complete;
};

// Looks at the character that begins text; an invalid one has the length of its longest valid beginning.
character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {1, character::complete};
  if (lead < 0xc2 || lead > 0xf4) return {1, character::invalid};
  const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  std::uint8_t low = 0x80, high = 0xbf; // the second byte also excludes overlong forms, surrogates, > U+10FFFF
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, character::unfinished};
    if (byte(i) < low || byte(i) > high) return {i, character::invalid};
    low = 0x80;
    high = 0xbf;
  }
  return {length, character::complete};
}

} // namespace

std::string utf8_stream::feed(std::string_view piece, bool last) {
  std::string joined = std::move(held_);
  held_.clear();
  joined.append(piece);
  std::string out;
  out.reserve(joined.size());
  std::string_view rest = joined;
  while (!rest.empty()) {
    const character next = first_character(rest);
    if (next.state == character::unfinished && !last) {
      held_ = rest;
      break;
    }
    if (next.state == character::complete)
      out.append(rest.substr(0, next.length));
    else
      out.append("\xef\xbf\xbd");
    rest.remove_prefix(next.length);
  }
  return out;
}

} // namespace tokamak::client_detail
