// The tests of Jinja 3.1.
#include "model/chat_template/tests.hpp"

#include <iterator>

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/filters.hpp"
#include "model/chat_template/methods.hpp"
#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {
namespace {

void no_arguments(arguments& args, std::string_view name) { bound_arguments(args, name, {}); }

/// The one argument of a test.
value other(arguments& args, std::string_view name) { return bound_arguments(args, name, {"other"}, 1)[0]; }

bool is_remainder_zero(runtime& rt, const value& v, const value& by) { return equals(rt, modulo(rt, v, by), 0); }

bool odd(runtime& rt, const value& v, arguments& args) {
  no_arguments(args, "odd");
  return equals(rt, modulo(rt, v, 2), 1);
}
bool even(runtime& rt, const value& v, arguments& args) {
  no_arguments(args, "even");
  return is_remainder_zero(rt, v, 2);
}
bool divisibleby(runtime& rt, const value& v, arguments& args) {
  return is_remainder_zero(rt, v, other(args, "divisibleby"));
}

bool undefined(runtime&, const value& v, arguments& args) {
  no_arguments(args, "undefined");
  return v.is_undefined();
}
bool defined(runtime&, const value& v, arguments& args) {
  no_arguments(args, "defined");
  return !v.is_undefined();
}
bool none(runtime&, const value& v, arguments& args) {
  no_arguments(args, "none");
  return v.is_none();
}
bool boolean(runtime&, const value& v, arguments& args) {
  no_arguments(args, "boolean");
  return v.boolean() != nullptr;
}
bool is_true(runtime&, const value& v, arguments& args) {
  no_arguments(args, "true");
  return v.boolean() != nullptr && *v.boolean();
}
bool is_false(runtime&, const value& v, arguments& args) {
  no_arguments(args, "false");
  return v.boolean() != nullptr && !*v.boolean();
}
bool is_integer(runtime&, const value& v, arguments& args) {
  no_arguments(args, "integer");
  return v.whole() != nullptr;
}
bool is_float(runtime&, const value& v, arguments& args) {
  no_arguments(args, "float");
  return v.real() != nullptr;
}
bool number(runtime&, const value& v, arguments& args) {
  no_arguments(args, "number");
  return v.whole() != nullptr || v.real() != nullptr || v.boolean() != nullptr;
}
bool string(runtime&, const value& v, arguments& args) {
  no_arguments(args, "string");
  return v.string() != nullptr;
}
bool mapping(runtime&, const value& v, arguments& args) {
  no_arguments(args, "mapping");
  return v.as<dict_object>() != nullptr;
}
bool sequence(runtime&, const value& v, arguments& args) {
  no_arguments(args, "sequence");
  return v.string() != nullptr || v.as<list_object>() != nullptr || v.as<dict_object>() != nullptr ||
         v.as<range_object>() != nullptr || v.is_undefined();
}
bool iterable(runtime&, const value& v, arguments& args) {
  no_arguments(args, "iterable");
  return iterator::accepts(v);
}
bool callable(runtime&, const value& v, arguments& args) {
  no_arguments(args, "callable");
  return v.is_undefined() || (v.any_object() != nullptr && v.any_object()->is_callable());
}
bool escaped(runtime&, const value& v, arguments& args) {
  no_arguments(args, "escaped");
  return v.string() != nullptr && v.string()->markup();
}

bool cased(runtime& rt, const value& v, arguments& args, std::string_view method_name) {
  return truthy(rt, string_method(method_name)(rt, rt.string(to_string(rt, v)), args));
}
bool lower(runtime& rt, const value& v, arguments& args) { return cased(rt, v, args, "islower"); }
bool upper(runtime& rt, const value& v, arguments& args) { return cased(rt, v, args, "isupper"); }

bool known(const value& v, arguments& args, std::string_view kind) {
  no_arguments(args, kind);
  const auto* s = v.string();
  if (s == nullptr) return false;
  return kind == "filter" ? find_filter(s->view()) != nullptr : find_test(s->view()) != nullptr;
}
bool filter(runtime&, const value& v, arguments& args) { return known(v, args, "filter"); }
bool test(runtime&, const value& v, arguments& args) { return known(v, args, "test"); }

bool sameas(runtime&, const value& v, arguments& args) { return same(v, other(args, "sameas")); }
bool in(runtime& rt, const value& v, arguments& args) { return contains(rt, other(args, "in"), v); }
bool equal(runtime& rt, const value& v, arguments& args) { return equals(rt, v, other(args, "eq")); }
bool unequal(runtime& rt, const value& v, arguments& args) { return !equals(rt, v, other(args, "ne")); }
bool greater(runtime& rt, const value& v, arguments& args) { return compare(rt, order::greater, v, other(args, "gt")); }
bool greater_equal(runtime& rt, const value& v, arguments& args) {
  return compare(rt, order::greater_equal, v, other(args, "ge"));
}
bool less(runtime& rt, const value& v, arguments& args) { return compare(rt, order::less, v, other(args, "lt")); }
bool less_equal(runtime& rt, const value& v, arguments& args) {
  return compare(rt, order::less_equal, v, other(args, "le"));
}

constexpr test_entry table[] = {
    {"odd", odd},
    {"even", even},
    {"divisibleby", divisibleby},
    {"defined", defined},
    {"undefined", undefined},
    {"filter", filter},
    {"test", test},
    {"none", none},
    {"boolean", boolean},
    {"false", is_false},
    {"true", is_true},
    {"integer", is_integer},
    {"float", is_float},
    {"lower", lower},
    {"upper", upper},
    {"string", string},
    {"mapping", mapping},
    {"number", number},
    {"sequence", sequence},
    {"iterable", iterable},
    {"callable", callable},
    {"sameas", sameas},
    {"escaped", escaped},
    {"in", in},
    {"==", equal},
    {"eq", equal},
    {"equalto", equal},
    {"!=", unequal},
    {"ne", unequal},
    {">", greater},
    {"gt", greater},
    {"greaterthan", greater},
    {"ge", greater_equal},
    {">=", greater_equal},
    {"<", less},
    {"lt", less},
    {"lessthan", less},
    {"<=", less_equal},
    {"le", less_equal},
};

} // namespace

const test_entry* find_test(std::string_view name) {
  for (const auto& entry : table) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

} // namespace tokamak::jinja
