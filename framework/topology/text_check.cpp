// Size, UTF-8 (RFC 3629) and nesting of a TOML text, with positions.
#include "topology/text_check.hpp"

namespace tokamak::topology {
namespace {

using byte = unsigned char;

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none. REQUIRES: not empty.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<byte>(text[i]) : byte{0}; };
  const auto continues = [&](std::size_t i, byte least = 0x80, byte most = 0xbf) { return at(i) >= least && at(i) <= most; };
  const byte b = at(0);
  if (b < 0x80) return 1;
  if (b >= 0xc2 && b <= 0xdf) return continues(1) ? 2 : 0;
  if (b >= 0xe0 && b <= 0xef) { // neither overlong nor a surrogate
    const bool second = continues(1, b == 0xe0 ? 0xa0 : 0x80, b == 0xed ? 0x9f : 0xbf);
    return second && continues(2) ? 3 : 0;
  }
  if (b >= 0xf0 && b <= 0xf4) {
    const bool second = continues(1, b == 0xf0 ? 0x90 : 0x80, b == 0xf4 ? 0x8f : 0xbf);
    return second && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

/// Walks through a text, counting lines and characters.
class walker {
public:
  explicit walker(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  bool starts_with(std::string_view s) const { return rest_.starts_with(s); }
  char front() const { return rest_.front(); }
  position where() const { return {line_, column_}; }

  void skip(std::size_t n_bytes) {
    for (; n_bytes > 0 && !rest_.empty(); --n_bytes) {
      const auto b = static_cast<byte>(rest_.front());
      if (b == '\n') {
        ++line_;
        column_ = 1;
      } else if ((b & 0xc0) != 0x80) {
        ++column_;
      }
      rest_.remove_prefix(1);
    }
  }
  std::string_view rest() const { return rest_; }

private:
  std::string_view rest_;
  std::uint32_t line_ = 1, column_ = 1;
};

std::optional<finding> check_utf8(std::string_view text) {
  for (walker at(text); !at.done();) {
    const auto n = utf8_length(at.rest());
    if (n == 0)
      return finding{errc::invalid_argument,
                     fmt::format("byte 0x{:02x} is not UTF-8; expected UTF-8 text", static_cast<byte>(at.front())),
                     at.where()};
    at.skip(n);
  }
  return {};
}

/// Skips the string that begins here; one on a single line ends with it at the latest.
void skip_string(walker& at) {
  const char quote = at.front();
  const std::string triple(3, quote);
  const bool long_form = at.starts_with(triple);
  at.skip(long_form ? 3 : 1);
  while (!at.done()) {
    if (at.front() == '\n' && !long_form) return;
    if (at.front() == '\\' && quote == '"') {
      at.skip(2);
    } else if (long_form && at.starts_with(triple)) {
      at.skip(3);
      for (int extra = 0; extra < 2 && !at.done() && at.front() == quote; ++extra) at.skip(1); // `"""""` ends with text
      return;
    } else if (!long_form && at.front() == quote) {
      at.skip(1);
      return;
    } else {
      at.skip(1);
    }
  }
}

std::optional<finding> check_nesting(std::string_view text, unsigned max_nesting) {
  unsigned brackets = 0, dots = 0;
  for (walker at(text); !at.done();) {
    const char c = at.front();
    if (c == '"' || c == '\'') {
      skip_string(at);
      continue;
    }
    if (c == '#') {
      while (!at.done() && at.front() != '\n') at.skip(1);
      continue;
    }
    if (c == '[' || c == '{') ++brackets;
    if ((c == ']' || c == '}') && brackets > 0) --brackets;
    if (c == '.')
      ++dots;
    else if (c == '\n' || c == '=' || c == ',' || c == '[' || c == '{')
      dots = 0;
    if (brackets > max_nesting || dots > max_nesting)
      return finding{errc::too_large,
                     fmt::format("{} nested too deep; expected at most {} levels",
                                 brackets > max_nesting ? "brackets are" : "a dotted key is", max_nesting),
                     at.where()};
    at.skip(1);
  }
  return {};
}

} // namespace

std::optional<finding> check_text(std::string_view text, std::size_t max_bytes, unsigned max_nesting) {
  if (text.size() > max_bytes)
    return finding{errc::too_large, fmt::format("the file has {} bytes; expected at most {}", text.size(), max_bytes), {}};
  if (auto wrong = check_utf8(text)) return wrong;
  return check_nesting(text, max_nesting);
}

} // namespace tokamak::topology
