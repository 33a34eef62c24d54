// Filters for single values: defaults, numbers, JSON.
#include <cmath>

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/filters.hpp"
#include "model/chat_template/json_text.hpp"
#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {
namespace {

value or_default(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "default", {"default_value", "boolean"});
  if (!v.is_undefined() && !(given.flag(rt, 1, false) && !truthy(rt, v))) return v;
  return given.has(0) ? given[0] : rt.string("");
}

value to_int(runtime&, const value& v, arguments& args) {
  const bound_arguments given(args, "int", {"default", "base"});
  const auto otherwise = given.has(0) ? given[0] : value(0);
  require_defined(v);
  integer number = 0;
  if (v.to_integer(number)) return number;
  if (const auto* d = v.real()) return std::isnan(*d) ? otherwise : value(truncated(*d));
  const auto* s = v.string();
  if (s == nullptr) return otherwise;
  const auto base = given.whole(1, 10);
  if (base != 0 && (base < 2 || base > 36)) return otherwise;
  if (parse_integer(s->view(), static_cast<int>(base), number)) return number;
  double real = 0; // "42.23" gives 42
  if (!parse_real(s->view(), real) || !std::isfinite(real)) return otherwise;
  return truncated(real);
}

value to_float(runtime&, const value& v, arguments& args) {
  const bound_arguments given(args, "float", {"default"});
  require_defined(v);
  integer number = 0;
  if (v.to_integer(number)) return static_cast<double>(number);
  if (v.real() != nullptr) return v;
  double real = 0;
  if (const auto* s = v.string(); s != nullptr && parse_real(s->view(), real)) return real;
  return given.has(0) ? given[0] : value(0.0);
}

value absolute(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "abs", {});
  require_defined(v);
  integer number = 0;
  if (v.to_integer(number)) return number < 0 ? negate(rt, number) : value(number);
  if (const auto* d = v.real()) return std::abs(*d);
  raise("bad operand type for abs(): '{}'", type_name(v));
}

/// Python's round(): to even where the exact decimal value is half way.
double round_real(double number, std::int64_t precision) {
  if (!std::isfinite(number) || precision > 320) return number;
  if (precision < -320) return std::copysign(0.0, number);
  if (precision >= 0) {
    double out = number;
    parse_real(real_text(number, 'f', static_cast<int>(precision)), out);
    return out;
  }
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  return std::nearbyint(number / unit) * unit;
}

integer round_integer(integer number, std::int64_t precision) {
  if (precision >= 0) return number;
  if (precision < -37) return 0;
  integer unit = 1;
  for (std::int64_t i = precision; i < 0; ++i) unit *= 10;
  const integer quotient = number / unit, rest = number % unit, twice = rest < 0 ? -(rest * 2) : rest * 2;
  const bool away = twice > unit || (twice == unit && quotient % 2 != 0);
  return (quotient + (away ? (number < 0 ? -1 : 1) : 0)) * unit;
}

value round(runtime&, const value& v, arguments& args) {
  const bound_arguments given(args, "round", {"precision", "method"});
  const auto precision = given.whole(0, 0);
  const std::string_view method = given.has(1) ? given.string(1).view() : "common";
  if (method != "common" && method != "ceil" && method != "floor") raise("method must be common, ceil or floor");
  require_defined(v);
  integer number = 0;
  const bool whole = v.to_integer(number);
  if (!whole && v.real() == nullptr) raise("type {} doesn't define __round__ method", type_name(v));
  if (method == "common")
    return whole ? value(round_integer(number, precision)) : value(round_real(*v.real(), precision));
  const double unit = std::pow(10.0, static_cast<double>(precision));
  const double scaled = (whole ? static_cast<double>(number) : *v.real()) * unit;
  return static_cast<double>(truncated(method == "ceil" ? std::ceil(scaled) : std::floor(scaled))) / unit;
}

value filesizeformat(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "filesizeformat", {"binary"});
  const bool binary = given.flag(rt, 0, false);
  require_defined(v);
  double bytes = 0;
  integer whole = 0;
  if (v.to_integer(whole)) bytes = static_cast<double>(whole);
  else if (v.real() != nullptr) bytes = *v.real();
  else if (v.string() == nullptr) raise("float() argument must be a string or a real number, not '{}'", type_name(v));
  else if (!parse_real(v.string()->view(), bytes)) raise("could not convert string to float: {}", to_repr(rt, v));
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return rt.string("1 Byte");
  if (bytes < base) return rt.string(integer_text(truncated(bytes)) + " Bytes");
  constexpr std::string_view letters = "kMGTPEZY";
  double unit = base * base;
  std::size_t i = 0;
  while (i + 1 < letters.size() && bytes >= unit) {
    unit *= base;
    ++i;
  }
  const std::string letter(1, binary && i == 0 ? 'K' : letters[i]);
  return rt.string(real_text(base * bytes / unit, 'f', 1) + " " + letter + (binary ? "iB" : "B"));
}

void set_indent(json_layout& layout, const value& indent) {
  if (indent.is_none()) return;
  layout.indented = true;
  layout.item_separator = ",";
  integer width = 0;
  if (const auto* s = indent.string()) layout.indent = s->view();
  else if (!indent.to_integer(width)) raise("indent must be an int or a str, not {}", type_name(indent));
  else if (width > 1000) exceed("the indentation is more than 1000 spaces");
  else if (width > 0) layout.indent.assign(static_cast<std::size_t>(width), ' ');
}

void set_separators(json_layout& layout, const value& separators) {
  if (separators.is_none()) return;
  auto* l = separators.as<list_object>();
  if (l == nullptr || l->items.size() != 2) raise("separators must be a pair (item_separator, key_separator)");
  layout.item_separator = require_text(l->items[0], "a separator").view();
  layout.key_separator = require_text(l->items[1], "a separator").view();
}

value tojson(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  json_layout layout;
  layout.ensure_ascii = given.flag(rt, 0, false);
  set_indent(layout, given.get(1));
  set_separators(layout, given.get(2));
  layout.sort_keys = given.flag(rt, 3, false);
  return to_json(rt, v, layout);
}

constexpr filter_entry table[] = {
    {"default", or_default},
    {"d", or_default},
    {"int", to_int},
    {"float", to_float},
    {"abs", absolute},
    {"round", round},
    {"filesizeformat", filesizeformat},
    {"tojson", tojson},
};

} // namespace

std::span<const filter_entry> scalar_filters() { return table; }

} // namespace tokamak::jinja
