// Making values and running through them.
#include "model/chat_template/runtime.hpp"

#include "model/chat_template/operations.hpp"
#include "model/chat_template/unicode.hpp"

namespace tokamak::jinja {

value runtime::sequence(bool tuple, std::vector<value> items) {
  costs_.work(items.size() / 8);
  const auto bytes = items.size() * sizeof(value);
  return make<list_object>(bytes, tuple, std::move(items));
}

value runtime::generator(std::string_view type, generator_object::producer produce) {
  return make<generator_object>(64, type, std::move(produce));
}

value runtime::missing(const value& owner, const value& key) {
  if (const auto* name = key.string()) return missing(owner, name->view());
  return undefined(fmt::format("{} has no element {}", described(owner), to_repr(*this, key)));
}

bool iterator::accepts(const value& v) {
  return v.string() != nullptr || v.as<list_object>() != nullptr || v.as<dict_object>() != nullptr ||
         v.as<range_object>() != nullptr || v.as<view_object>() != nullptr || v.as<generator_object>() != nullptr ||
         v.is_undefined();
}

iterator::iterator(runtime& rt, value source) : rt_(rt), source_(std::move(source)) {
  if (!accepts(source_)) raise("'{}' object is not iterable", type_name(source_));
}

bool iterator::next(value& out) {
  rt_.costs().work();
  if (const auto* s = source_.string()) {
    const auto bytes = s->view();
    if (position_ >= bytes.size()) return false;
    const auto begin = position_;
    next_character(bytes, position_);
    out = text(&rt_.costs(), std::string(bytes.substr(begin, position_ - begin)), false);
    return true;
  }
  if (auto* g = source_.as<generator_object>()) {
    const auto level = rt_.costs().call_level(); // one generator may ask another, and so on
    return g->next(out);
  }
  if (auto* l = source_.as<list_object>()) {
    if (position_ >= l->items.size()) return false;
    out = l->items[position_++];
    return true;
  }
  if (auto* d = source_.as<dict_object>()) {
    if (position_ >= d->entries().size()) return false;
    out = d->entries()[position_++].key;
    return true;
  }
  if (auto* r = source_.as<range_object>()) {
    if (position_ >= r->length) return false;
    out = r->at(position_++);
    return true;
  }
  if (auto* v = source_.as<view_object>()) {
    if (position_ >= v->dict->entries().size()) return false;
    out = v->at(rt_, position_++);
    return true;
  }
  return false;
}

std::vector<value> collect(runtime& rt, const value& source) {
  if (auto* l = source.as<list_object>()) {
    rt.costs().work(l->items.size() / 8);
    rt.costs().take(l->items.size() * sizeof(value));
    return l->items;
  }
  std::vector<value> items;
  iterator each(rt, source);
  for (value item; each.next(item);) {
    rt.costs().take(sizeof(value));
    items.push_back(item);
  }
  return items;
}

} // namespace tokamak::jinja
