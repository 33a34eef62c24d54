// Layout of formatted numbers and strings.
#include "model/chat_template/number_format.hpp"

#include <algorithm>
#include <cmath>

#include "model/chat_template/number_text.hpp"

namespace tokamak::jinja {
namespace {

std::string_view sign_text(char sign, bool negative) {
  if (negative) return "-";
  return sign == '+' ? "+" : sign == ' ' ? " " : "";
}

/// Puts a separator between groups of `size` digits of the leading run of digits; pads the run with
/// zeros until the whole has `width` characters if width is positive.
std::string grouped(std::string_view body, char separator, std::size_t size, std::int64_t width) {
  const auto is_digit_char = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  std::size_t run = 0;
  while (run < body.size() && is_digit_char(body[run]) && (size == 4 || body[run] <= '9')) ++run;
  std::string reversed;
  std::size_t digits = 0;
  const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(width, 0));
  const auto tail = body.size() - run;
  const auto put = [&](char c) {
    if (separator != 0 && digits > 0 && digits % size == 0) reversed.push_back(separator);
    reversed.push_back(c);
    ++digits;
  };
  for (std::size_t i = run; i > 0; --i) put(body[i - 1]);
  while (reversed.size() + tail < wanted) put('0');
  std::reverse(reversed.begin(), reversed.end());
  return reversed + std::string(body.substr(run));
}

void append_number(text_builder& out, const field_layout& layout, std::string_view head, std::string body,
                   std::size_t group_size) {
  const bool zero_padded = layout.align == '=' && layout.fill == "0";
  const auto room = zero_padded ? layout.width - static_cast<std::int64_t>(head.size()) : 0;
  if (layout.grouping != 0) body = grouped(body, layout.grouping, group_size, room);
  append_padded(out, layout, head, body, '>');
}

void make_upper(std::string& s) {
  for (auto& c : s) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}

} // namespace

void check_layout(const field_layout& layout, const chat_template_limits& limits) {
  if (layout.width > 0 && static_cast<std::uint64_t>(layout.width) > limits.text_bytes) {
    exceed("the template makes a string of more than {} bytes", limits.text_bytes);
  }
}

void append_padded(text_builder& out, const field_layout& layout, std::string_view head, std::string_view body,
                   char default_align) {
  const auto align = layout.align != 0 ? layout.align : default_align;
  const auto length = static_cast<std::int64_t>(count_characters(head) + count_characters(body));
  const auto space = std::max<std::int64_t>(layout.width - length, 0);
  const auto before = align == '>' ? space : align == '^' ? space / 2 : 0;
  const auto inside = align == '=' ? space : 0;
  out.repeat(layout.fill, before);
  out.append(head);
  out.repeat(layout.fill, inside);
  out.append(body);
  out.repeat(layout.fill, space - before - inside);
}

void append_integer(text_builder& out, const field_layout& layout, integer number) {
  if (layout.type == 'c') {
    if (number < 0 || number > 0x10FFFF) raise("%c arg not in range(0x110000)");
    std::string body;
    append_character(body, static_cast<char32_t>(number));
    return append_padded(out, layout, "", body, '<');
  }
  const char type = layout.type;
  const unsigned base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
  auto body = integer_text(number, base);
  std::string head(sign_text(layout.sign, number < 0));
  if (number < 0) body.erase(0, 1);
  if (layout.alternate && base != 10) head += std::string("0") + type;
  if (type == 'X') make_upper(body);
  append_number(out, layout, head, std::move(body), base == 10 ? 3 : 4);
}

void append_real(text_builder& out, const field_layout& layout, double number) {
  if (layout.precision > 1000) exceed("a number's precision is more than 1000 digits");
  const char type = layout.type;
  const char style = type == 0 ? 'g' : type == '%' ? 'f' : type == 'n' ? 'g' : static_cast<char>(type | 0x20);
  const bool negative = std::signbit(number) && !std::isnan(number);
  const double magnitude = std::abs(type == '%' ? number * 100 : number);
  const int precision = layout.precision < 0 ? 6 : static_cast<int>(layout.precision);
  std::string body;
  if (type == 0 && layout.precision < 0) {
    body = real_repr(magnitude);
  } else {
    body = real_text(magnitude, style, style == 'g' && precision == 0 ? 1 : precision);
    const bool bare = type == 0 && std::isfinite(number) && body.find_first_of(".e") == std::string::npos;
    if (bare) body += ".0";
    if (layout.alternate && style != 'g' && precision == 0 && std::isfinite(number)) body += ".";
  }
  if (type == 'E' || type == 'F' || type == 'G') make_upper(body);
  if (type == '%') body += "%";
  append_number(out, layout, sign_text(layout.sign, negative), std::move(body), 3);
}

} // namespace tokamak::jinja
