// Python's arithmetic operators, on strings and sequences too.
#include <cmath>

#include "model/chat_template/markup.hpp"
#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/percent_format.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {
namespace {

[[noreturn]] void unsupported_operands(std::string_view sign, const value& a, const value& b) {
  require_defined(a);
  require_defined(b);
  raise("unsupported operand type(s) for {}: '{}' and '{}'", sign, type_name(a), type_name(b));
}

[[noreturn]] void overflow() { raise("integer overflow: the result does not fit 128 bits"); }

/// Both operands as whole numbers, or both as floats; neither if one is no number.
struct operands {
  bool whole = false;
  bool real = false;
  integer x = 0, y = 0;
  double p = 0, q = 0;

  operands(const value& a, const value& b) {
    const bool a_whole = a.to_integer(x), b_whole = b.to_integer(y);
    whole = a_whole && b_whole;
    real = !whole && (a_whole || a.real() != nullptr) && (b_whole || b.real() != nullptr);
    p = a_whole ? static_cast<double>(x) : real ? *a.real() : 0;
    q = b_whole ? static_cast<double>(y) : real ? *b.real() : 0;
  }
};

integer floor_quotient(integer x, integer y) {
  if (y == 0) raise("integer division or modulo by zero");
  if (y == -1) {
    integer out = 0;
    if (__builtin_sub_overflow(static_cast<integer>(0), x, &out)) overflow();
    return out;
  }
  const integer quotient = x / y;
  return x % y != 0 && ((x < 0) != (y < 0)) ? quotient - 1 : quotient;
}

double real_modulo(double p, double q) {
  if (q == 0) raise("float modulo");
  const double rest = std::fmod(p, q);
  if (rest == 0) return std::copysign(0.0, q);
  return (rest < 0) != (q < 0) ? rest + q : rest;
}

bool is_sequence(const value& v) { return v.string() != nullptr || v.as<list_object>() != nullptr; }

/// REQUIRES: is_sequence(sequence)
value repeat(runtime& rt, const value& sequence, integer count) {
  const auto times = to_count(count, "the repetition count");
  if (const auto* s = sequence.string()) {
    text_builder out(rt.costs());
    out.repeat(s->view(), times);
    return rt.string(out.take(), s->markup());
  }
  auto* l = sequence.as<list_object>();
  std::vector<value> items;
  for (std::int64_t i = 0; i < times && !l->items.empty(); ++i) {
    rt.costs().work(l->items.size());
    rt.costs().take(l->items.size() * sizeof(value));
    items.insert(items.end(), l->items.begin(), l->items.end());
  }
  return l->is_tuple() ? rt.tuple(std::move(items)) : rt.list(std::move(items));
}

value join_lists(runtime& rt, list_object* a, list_object* b) {
  rt.costs().work(a->items.size() / 8 + b->items.size() / 8);
  rt.costs().take((a->items.size() + b->items.size()) * sizeof(value));
  auto items = a->items;
  items.insert(items.end(), b->items.begin(), b->items.end());
  return a->is_tuple() ? rt.tuple(std::move(items)) : rt.list(std::move(items));
}

value integer_power(integer base, integer exponent) {
  integer out = 1;
  for (;;) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(out, base, &out)) overflow();
    exponent >>= 1;
    if (exponent == 0) return out;
    if (__builtin_mul_overflow(base, base, &base)) overflow();
  }
}

} // namespace

value add(runtime& rt, const value& a, const value& b) {
  require_defined(a);
  require_defined(b);
  const operands n(a, b);
  if (n.whole) {
    integer out = 0;
    if (__builtin_add_overflow(n.x, n.y, &out)) overflow();
    return out;
  }
  if (n.real) return n.p + n.q;
  const auto *s = a.string(), *t = b.string();
  if (s != nullptr && t != nullptr) {
    const bool markup = s->markup() || t->markup();
    text_builder out(rt.costs());
    append_escaped(out, *s, markup);
    append_escaped(out, *t, markup);
    return rt.string(out.take(), markup);
  }
  if (s != nullptr) raise("can only concatenate str (not \"{}\") to str", type_name(b));
  auto *l = a.as<list_object>(), *m = b.as<list_object>();
  if (l != nullptr && m != nullptr && l->is_tuple() == m->is_tuple()) return join_lists(rt, l, m);
  if (l != nullptr) {
    const auto type = l->is_tuple() ? "tuple" : "list";
    raise("can only concatenate {} (not \"{}\") to {}", type, type_name(b), type);
  }
  unsupported_operands("+", a, b);
}

value subtract(runtime&, const value& a, const value& b) {
  const operands n(a, b);
  if (n.whole) {
    integer out = 0;
    if (__builtin_sub_overflow(n.x, n.y, &out)) overflow();
    return out;
  }
  if (n.real) return n.p - n.q;
  unsupported_operands("-", a, b);
}

value multiply(runtime& rt, const value& a, const value& b) {
  require_defined(a);
  require_defined(b);
  const operands n(a, b);
  if (n.whole) {
    integer out = 0;
    if (__builtin_mul_overflow(n.x, n.y, &out)) overflow();
    return out;
  }
  if (n.real) return n.p * n.q;
  integer count = 0;
  if (is_sequence(a) && b.to_integer(count)) return repeat(rt, a, count);
  if (is_sequence(b) && a.to_integer(count)) return repeat(rt, b, count);
  if (is_sequence(a) || is_sequence(b)) {
    raise("can't multiply sequence by non-int of type '{}'", type_name(is_sequence(a) ? b : a));
  }
  unsupported_operands("*", a, b);
}

value divide(runtime&, const value& a, const value& b) {
  const operands n(a, b);
  if (!n.whole && !n.real) unsupported_operands("/", a, b);
  if (n.q == 0) {
    if (n.whole) raise("division by zero");
    raise("float division by zero");
  }
  return n.p / n.q;
}

value floor_divide(runtime&, const value& a, const value& b) {
  const operands n(a, b);
  if (n.whole) return floor_quotient(n.x, n.y);
  if (!n.real) unsupported_operands("//", a, b);
  if (n.q == 0) raise("float floor division by zero");
  const double quotient = (n.p - real_modulo(n.p, n.q)) / n.q;
  if (quotient == 0) return std::copysign(0.0, n.p / n.q);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

value modulo(runtime& rt, const value& a, const value& b) {
  if (const auto* s = a.string()) return percent_format(rt, *s, b);
  const operands n(a, b);
  if (n.whole) {
    if (n.y == 0) raise("integer modulo by zero");
    if (n.y == -1) return 0;
    const integer rest = n.x % n.y;
    return rest != 0 && ((rest < 0) != (n.y < 0)) ? rest + n.y : rest;
  }
  if (n.real) return real_modulo(n.p, n.q);
  unsupported_operands("%", a, b);
}

value power(runtime&, const value& a, const value& b) {
  const operands n(a, b);
  if (n.whole && n.y >= 0) return integer_power(n.x, n.y);
  if (!n.whole && !n.real) unsupported_operands("** or pow()", a, b);
  if (n.p == 0 && n.q < 0) raise("0.0 cannot be raised to a negative power");
  if (n.p < 0 && std::trunc(n.q) != n.q) raise("complex numbers are not supported");
  const double out = std::pow(n.p, n.q);
  if (std::isinf(out) && std::isfinite(n.p) && std::isfinite(n.q)) raise("(34, 'Numerical result out of range')");
  return out;
}

value negate(runtime&, const value& v) {
  require_defined(v);
  integer i = 0;
  if (v.to_integer(i)) {
    integer out = 0;
    if (__builtin_sub_overflow(static_cast<integer>(0), i, &out)) overflow();
    return out;
  }
  if (const auto* d = v.real()) return -*d;
  raise("bad operand type for unary -: '{}'", type_name(v));
}

value affirm(runtime&, const value& v) {
  require_defined(v);
  integer i = 0;
  if (v.to_integer(i)) return i;
  if (v.real() != nullptr) return v;
  raise("bad operand type for unary +: '{}'", type_name(v));
}

} // namespace tokamak::jinja
