// Lengths, attributes, elements and slices, with the rules of Jinja's immutable sandbox.
#include <algorithm>

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/methods.hpp"
#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {
namespace {

/// Python's getattr.
bool plain_attribute(runtime& rt, const value& owner, std::string_view name, value& out) {
  rt.costs().work();
  require_defined(owner);
  if (name.starts_with("__") && name.ends_with("__") && owner.as<namespace_object>() == nullptr) {
    out = rt.forbidden(owner, name);
    return true;
  }
  if (owner.string() != nullptr) return string_attribute(rt, owner, name, out);
  if (auto* o = owner.any_object()) return o->attribute(rt, name, out);
  return !owner.is_none() && number_attribute(rt, owner, name, out);
}

/// Python's owner[key] for integer positions.
bool element(runtime& rt, const value& owner, integer index, value& out) {
  const auto length = static_cast<integer>(length_of(rt, owner).value_or(0));
  if (index < 0) index += length;
  if (index < 0 || index >= length) return false;
  const auto i = static_cast<std::size_t>(index);
  if (const auto* s = owner.string()) {
    if (!s->ascii()) rt.costs().character_work(s->view().size());
    out = rt.string(std::string(s->characters(i, 1)), s->markup());
    return true;
  }
  if (auto* l = owner.as<list_object>()) {
    out = l->items[i];
    return true;
  }
  if (auto* r = owner.as<range_object>()) {
    out = r->at(i);
    return true;
  }
  return false;
}

bool subscript(runtime& rt, const value& owner, const value& key, value& out) {
  require_defined(owner);
  if (auto* d = owner.as<dict_object>()) {
    const auto* k = key.any_object();
    const bool hashable = k == nullptr || !(k->kind() == object_kind::list || k->kind() == object_kind::dict);
    const auto* found = hashable ? d->find(rt, key) : nullptr;
    if (found != nullptr) out = *found;
    return found != nullptr;
  }
  integer index = 0;
  return key.to_integer(index) && element(rt, owner, index, out);
}

/// The positions that a slice selects, by Python's clamping rules.
struct selection {
  integer start, step;
  std::size_t count;

  selection(const value& from, const value& to, const value& by, integer length) : start(0), step(1), count(0) {
    if (!by.is_none()) step = bound(by);
    if (step == 0) raise("slice step cannot be zero");
    step = std::clamp(step, -length - 1, length + 1); // selects the same, and cannot overflow
    const integer low = step > 0 ? 0 : -1, high = step > 0 ? length : length - 1;
    const auto clamp = [&](const value& v, integer otherwise) {
      if (v.is_none()) return otherwise;
      integer position = bound(v);
      if (position < 0) position += length;
      return std::clamp(position, low, high);
    };
    start = clamp(from, step > 0 ? low : high);
    const integer stop = clamp(to, step > 0 ? high : low);
    if (step > 0 && start < stop) count = static_cast<std::size_t>((stop - start - 1) / step + 1);
    if (step < 0 && start > stop) count = static_cast<std::size_t>((start - stop - 1) / -step + 1);
  }

  static integer bound(const value& v) {
    integer i = 0;
    if (!v.to_integer(i)) raise("slice indices must be integers or None or have an __index__ method");
    constexpr integer limit = static_cast<integer>(1) << 62; // beyond any length, and safe to add to
    return std::clamp(i, -limit, limit);
  }
  integer at(std::size_t i) const { return start + step * static_cast<integer>(i); }
};

value slice_text(runtime& rt, const text& s, const selection& chosen) {
  if (s.ascii() && chosen.step == 1) rt.costs().text_work(s.view().size());
  else rt.costs().character_work(s.view().size());
  if (chosen.count == 0) return rt.string(std::string(), s.markup());
  const auto first = static_cast<std::size_t>(chosen.start);
  if (chosen.step == 1) return rt.string(std::string(s.characters(first, chosen.count)), s.markup());
  std::string out;
  if (s.ascii()) {
    for (std::size_t i = 0; i < chosen.count; ++i) out += s.view()[static_cast<std::size_t>(chosen.at(i))];
    return rt.string(std::move(out), s.markup());
  }
  const auto index_bytes = s.size() * sizeof(std::uint32_t);
  rt.costs().take(index_bytes);
  std::vector<std::uint32_t> starts;
  starts.reserve(s.size());
  for (std::size_t i = 0; i < s.view().size(); next_character(s.view(), i))
    starts.push_back(static_cast<std::uint32_t>(i));
  for (std::size_t i = 0; i < chosen.count; ++i) {
    std::size_t end = starts[static_cast<std::size_t>(chosen.at(i))];
    const auto begin = end;
    next_character(s.view(), end);
    out += s.view().substr(begin, end - begin);
  }
  rt.costs().give(index_bytes);
  return rt.string(std::move(out), s.markup());
}

} // namespace

std::optional<std::size_t> length_of(runtime& rt, const value& v) {
  if (const auto* s = v.string()) return s->size();
  if (auto* l = v.as<list_object>()) return l->items.size();
  if (auto* d = v.as<dict_object>()) return d->entries().size();
  if (auto* r = v.as<range_object>()) return r->length;
  if (auto* w = v.as<view_object>()) return w->dict->entries().size();
  if (v.is_undefined()) return 0;
  if (auto* o = v.any_object()) return o->length(rt);
  return std::nullopt;
}

value get_attribute(runtime& rt, const value& owner, std::string_view name) {
  value out;
  if (plain_attribute(rt, owner, name, out)) return out;
  if (auto* d = owner.as<dict_object>()) {
    if (const auto* found = d->find(rt, name)) return *found;
  }
  return rt.missing(owner, name);
}

value get_own_attribute(runtime& rt, const value& owner, std::string_view name) {
  value out;
  return plain_attribute(rt, owner, name, out) ? out : rt.missing(owner, name);
}

value get_item(runtime& rt, const value& owner, const value& key) {
  value out;
  rt.costs().work();
  if (subscript(rt, owner, key, out)) return out;
  const auto* name = key.string();
  if (name != nullptr && plain_attribute(rt, owner, name->view(), out)) return out;
  return rt.missing(owner, key);
}

value slice(runtime& rt, const value& owner, const value& start, const value& stop, const value& step) {
  require_defined(owner);
  if (const auto* s = owner.string()) {
    return slice_text(rt, *s, selection(start, stop, step, static_cast<integer>(s->size())));
  }
  if (auto* l = owner.as<list_object>()) {
    const selection chosen(start, stop, step, static_cast<integer>(l->items.size()));
    rt.costs().work(chosen.count / 8);
    rt.costs().take(chosen.count * sizeof(value));
    std::vector<value> items;
    items.reserve(chosen.count);
    for (std::size_t i = 0; i < chosen.count; ++i) items.push_back(l->items[static_cast<std::size_t>(chosen.at(i))]);
    return l->is_tuple() ? rt.tuple(std::move(items)) : rt.list(std::move(items));
  }
  if (auto* r = owner.as<range_object>()) {
    const selection chosen(start, stop, step, static_cast<integer>(r->length));
    const auto first = r->start + r->step * chosen.start;
    const auto stride = chosen.count > 1 ? r->step * chosen.step : 1;
    return rt.make<range_object>(0, first, first + stride * static_cast<integer>(chosen.count), stride);
  }
  if (owner.as<dict_object>() != nullptr) raise("unhashable type: 'slice'");
  raise("'{}' object is not subscriptable", type_name(owner));
}

} // namespace tokamak::jinja
