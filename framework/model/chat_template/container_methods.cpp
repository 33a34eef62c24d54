// Attributes of lists, tuples, mappings, ranges and numbers.
#include <algorithm>
#include <cmath>
#include <span>

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/methods.hpp"
#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {
namespace {

// What would change a container: there, but the immutable sandbox hides it.
constexpr std::string_view list_mutators[] = {"append", "clear",  "extend",  "insert",
                                              "pop",    "remove", "reverse", "sort"};
constexpr std::string_view dict_mutators[] = {"clear", "pop", "popitem", "setdefault", "update"};

bool listed(std::span<const std::string_view> in, std::string_view name) {
  return std::find(in.begin(), in.end(), name) != in.end();
}

value sequence_index(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "index", {"value"}, 1);
  iterator each(rt, self);
  std::size_t position = 0;
  for (value item; each.next(item); ++position) {
    if (same(item, given[0]) || equals(rt, item, given[0])) return position;
  }
  raise("{} is not in {}", to_repr(rt, given[0]), type_name(self));
}

value sequence_count(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "count", {"value"}, 1);
  iterator each(rt, self);
  std::size_t count = 0;
  for (value item; each.next(item);) count += same(item, given[0]) || equals(rt, item, given[0]) ? 1 : 0;
  return count;
}

value list_copy(runtime& rt, const value& self, arguments& args) {
  bound_arguments(args, "copy", {});
  return rt.list(collect(rt, self));
}

value dict_get(runtime& rt, const value& self, arguments& args) {
  const bound_arguments given(args, "get", {"key", "default"}, 1);
  const auto* found = self.as<dict_object>()->find(rt, given[0]);
  return found != nullptr ? *found : given.get(1);
}

value view(runtime& rt, const value& self, arguments& args, std::string_view name, view_object::part part) {
  bound_arguments(args, name, {});
  return rt.make<view_object>(0, self.as<dict_object>(), part);
}
value dict_keys(runtime& rt, const value& self, arguments& args) {
  return view(rt, self, args, "keys", view_object::part::keys);
}
value dict_values(runtime& rt, const value& self, arguments& args) {
  return view(rt, self, args, "values", view_object::part::values);
}
value dict_items(runtime& rt, const value& self, arguments& args) {
  return view(rt, self, args, "items", view_object::part::items);
}

value dict_copy(runtime& rt, const value& self, arguments& args) {
  bound_arguments(args, "copy", {});
  auto* copy = rt.make<dict_object>(0);
  for (const auto& e : self.as<dict_object>()->entries()) copy->set(rt, e.key, e.content);
  return copy;
}

value dict_fromkeys(runtime& rt, const value&, arguments& args) {
  const bound_arguments given(args, "fromkeys", {"iterable", "value"}, 1);
  auto* made = rt.make<dict_object>(0);
  iterator each(rt, given[0]);
  for (value key; each.next(key);) made->set(rt, key, given.get(1));
  return made;
}

value real_is_integer(runtime&, const value& self, arguments& args) {
  bound_arguments(args, "is_integer", {});
  return std::isfinite(*self.real()) && std::trunc(*self.real()) == *self.real();
}

value bit_length(runtime&, const value& self, arguments& args) {
  bound_arguments(args, "bit_length", {});
  integer i = 0;
  self.to_integer(i);
  int bits = 0;
  for (; i != 0; i /= 2) ++bits;
  return bits;
}

constexpr method sequence_methods[] = {{"index", sequence_index}, {"count", sequence_count}};
constexpr method dict_methods[] = {{"get", dict_get},     {"keys", dict_keys}, {"values", dict_values},
                                   {"items", dict_items}, {"copy", dict_copy}, {"fromkeys", dict_fromkeys}};

template <std::size_t Count>
bool bind_method(runtime& rt, const method (&table)[Count], const value& self, std::string_view name, value& out) {
  for (const auto& m : table) {
    if (m.name == name) {
      out = rt.bound_method(self, m.body);
      return true;
    }
  }
  return false;
}

} // namespace

bool list_attribute(runtime& rt, list_object* self, std::string_view name, value& out) {
  if (!self->is_tuple() && listed(list_mutators, name)) {
    out = rt.forbidden(self, name);
    return true;
  }
  if (!self->is_tuple() && name == "copy") {
    out = rt.bound_method(self, list_copy);
    return true;
  }
  return bind_method(rt, sequence_methods, self, name, out);
}

bool dict_attribute(runtime& rt, dict_object* self, std::string_view name, value& out) {
  if (listed(dict_mutators, name)) {
    out = rt.forbidden(self, name);
    return true;
  }
  return bind_method(rt, dict_methods, self, name, out);
}

bool range_attribute(runtime& rt, range_object* self, std::string_view name, value& out) {
  return bind_method(rt, sequence_methods, self, name, out);
}

bool number_attribute(runtime& rt, const value& self, std::string_view name, value& out) {
  integer i = 0;
  const bool whole = self.to_integer(i);
  if (name == "real" || (whole && name == "numerator")) {
    out = whole ? value(i) : self;
  } else if (name == "imag") {
    out = whole ? value(0) : value(0.0);
  } else if (whole && name == "denominator") {
    out = 1;
  } else if (whole && name == "bit_length") {
    out = rt.bound_method(self, bit_length);
  } else if (!whole && name == "is_integer") {
    out = rt.bound_method(self, real_is_integer);
  } else {
    return false;
  }
  return true;
}

} // namespace tokamak::jinja
