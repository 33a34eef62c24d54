// Conversions over std::to_chars and std::from_chars.
#include "model/chat_template/number_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {

std::string integer_text(integer number, unsigned base) {
  __extension__ typedef unsigned __int128 magnitude_type;
  auto magnitude = static_cast<magnitude_type>(number);
  if (number < 0) magnitude = 0 - magnitude;
  std::string out;
  do {
    out.push_back("0123456789abcdef"[static_cast<unsigned>(magnitude % base)]);
    magnitude /= base;
  } while (magnitude != 0);
  if (number < 0) out.push_back('-');
  std::reverse(out.begin(), out.end());
  return out;
}

static std::string not_finite(double number) {
  if (std::isnan(number)) return "nan";
  return number < 0 ? "-inf" : "inf";
}

std::string real_repr(double number) {
  if (!std::isfinite(number)) return not_finite(number);
  std::array<char, 40> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(number), std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const auto mark = scientific.find('e');
  int exponent = 0;
  auto exponent_text = scientific.substr(mark + 1);
  if (exponent_text.front() == '+') exponent_text.remove_prefix(1);
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  std::string digits;
  for (const char c : scientific.substr(0, mark)) {
    if (c != '.') digits.push_back(c);
  }
  std::string out = std::signbit(number) ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    out += digits.substr(0, 1);
    if (digits.size() > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string real_text(double number, char style, int precision) {
  if (!std::isfinite(number)) return not_finite(number);
  const auto format = style == 'e'   ? std::chars_format::scientific
                      : style == 'f' ? std::chars_format::fixed
                                     : std::chars_format::general;
  std::string out(static_cast<std::size_t>(precision) + 330, '\0');
  const auto end = std::to_chars(out.data(), out.data() + out.size(), number, format, precision).ptr;
  out.resize(static_cast<std::size_t>(end - out.data()));
  return out;
}

/// With ASCII's digits in the place of other scripts'. Every script has its ten in a row, so a run of decimals begins at a zero.
static std::string with_ascii_digits(std::string_view in) {
  std::string out;
  for (std::size_t i = 0; i < in.size();) {
    const char32_t code = next_character(in, i);
    const auto decimal = [](char32_t c) { return (character_class(c) & is_decimal) != 0; };
    char32_t zero = code;
    while (code >= 0x80 && decimal(code) && decimal(zero - 1)) --zero;
    append_character(out, code >= 0x80 && decimal(code) ? U'0' + (code - zero) % 10 : code);
  }
  return out;
}

/// Drops underscores between digits, and writes digits as ASCII's; false if an underscore stands elsewhere.
static bool without_underscores(std::string_view text, std::string& out) {
  const auto in = with_ascii_digits(text);
  const auto alnum = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i] != '_') {
      out.push_back(in[i]);
    } else if (i == 0 || i + 1 == in.size() || !alnum(in[i - 1]) || !alnum(in[i + 1])) {
      return false;
    }
  }
  return true;
}

bool parse_integer(std::string_view in, int base, integer& out) {
  std::string digits;
  if (in.size() > 4096 || !without_underscores(strip_spaces(in, true, true), digits)) return false;
  std::string_view rest = digits;
  const bool minus = rest.starts_with('-');
  if (minus || rest.starts_with('+')) rest.remove_prefix(1);
  const auto prefix = rest.size() > 2 && rest[0] == '0' ? rest[1] | 0x20 : 0;
  const int named = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 0;
  if (named != 0 && (base == 0 || base == named)) {
    rest.remove_prefix(2);
    base = named;
  } else if (base == 0) {
    if (rest.size() > 1 && rest[0] == '0' && rest.find_first_not_of('0') != std::string_view::npos) return false;
    base = 10;
  }
  if (rest.empty()) return false;
  integer number = 0;
  for (const char c : rest) {
    const int digit = c >= '0' && c <= '9'                     ? c - '0'
                      : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a' + 10
                                                               : 99;
    if (digit >= base) return false;
    if (__builtin_mul_overflow(number, static_cast<integer>(base), &number) ||
        __builtin_add_overflow(number, static_cast<integer>(digit), &number)) {
      raise("integer overflow: {} does not fit 128 bits", in.substr(0, 60));
    }
  }
  out = minus ? -number : number;
  return true;
}

bool parse_real(std::string_view in, double& out) {
  std::string digits;
  if (!without_underscores(strip_spaces(in, true, true), digits)) return false;
  std::string_view rest = digits;
  const bool minus = rest.starts_with('-');
  if (minus || rest.starts_with('+')) rest.remove_prefix(1);
  std::string lower(rest.substr(0, 9));
  for (auto& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  double number = 0;
  if (lower == "inf" || lower == "infinity") {
    number = std::numeric_limits<double>::infinity();
  } else if (lower == "nan") {
    number = std::numeric_limits<double>::quiet_NaN();
  } else {
    if (rest.empty() || rest.find_first_not_of("0123456789.eE+-") != std::string_view::npos || rest[0] == '-')
      return false;
    const auto [end, status] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (end != rest.data() + rest.size()) return false;
    if (status == std::errc::result_out_of_range) {
      const auto mark = rest.find_first_of("eE");
      const bool tiny = mark != std::string_view::npos && mark + 1 < rest.size() && rest[mark + 1] == '-';
      number = tiny ? 0.0 : std::numeric_limits<double>::infinity();
    } else if (status != std::errc{}) {
      return false;
    }
  }
  out = minus ? -number : number;
  return true;
}

integer truncated(double number) {
  if (std::isnan(number)) raise("cannot convert float NaN to integer");
  if (std::isinf(number)) raise("cannot convert float infinity to integer");
  if (std::abs(number) >= 0x1p126) raise("integer overflow: {} does not fit 128 bits", real_repr(number));
  return static_cast<integer>(number);
}

std::int64_t to_count(integer number, std::string_view what) {
  if (number > std::numeric_limits<std::int64_t>::max() || number < std::numeric_limits<std::int64_t>::min()) {
    raise("{} is too large: {}", what, integer_text(number));
  }
  return static_cast<std::int64_t>(number);
}

} // namespace tokamak::jinja
