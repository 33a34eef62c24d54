// Mappings, ranges, views, namespaces and generators.
#include "model/chat_template/objects.hpp"

#include <algorithm>

#include "model/chat_template/methods.hpp"
#include "model/chat_template/operations.hpp"

namespace tokamak::jinja {

void undefined_object::fail() const {
  switch (why_) {
    case reason::message: raise("{}", text_);
    case reason::name: raise("{} is undefined", string_repr(text_));
    case reason::attribute: raise("{} has no attribute {}", string_repr(described(owner_)), string_repr(text_));
    case reason::forbidden: break;
  }
  refuse("access to attribute {} of '{}' object is unsafe.", string_repr(text_), jinja::type_name(owner_));
}

bool list_object::attribute(runtime& rt, std::string_view name, value& out) {
  return list_attribute(rt, this, name, out);
}

bool group_object::attribute(runtime& rt, std::string_view name, value& out) {
  if (name == "grouper" || name == "list") {
    out = items[name == "list" ? 1 : 0];
    return true;
  }
  return list_object::attribute(rt, name, out);
}

template <class Equal>
const dict_object::entry* dict_object::lookup(runtime& rt, std::size_t hash, Equal equal) const {
  if (slots_.empty()) {
    for (const auto& e : entries_) {
      if (e.hash == hash && equal(e.key)) return &e;
    }
    return nullptr;
  }
  const auto mask = slots_.size() - 1;
  for (auto i = hash & mask; slots_[i] != 0; i = (i + 1) & mask) {
    const auto& e = entries_[slots_[i] - 1];
    if (e.hash == hash && equal(e.key)) return &e;
    rt.costs().work(); // crafted keys can collide
  }
  return nullptr;
}

const value* dict_object::find(runtime& rt, const value& key) const {
  const auto* e =
      lookup(rt, hash_of(rt, key), [&](const value& other) { return same(key, other) || equals(rt, key, other); });
  return e == nullptr ? nullptr : &e->content;
}

const value* dict_object::find(runtime& rt, std::string_view key) const {
  rt.costs().text_work(key.size());
  const auto* e = lookup(rt, hash_of(key), [&](const value& other) {
    const auto* s = other.string();
    return s != nullptr && s->view() == key;
  });
  return e == nullptr ? nullptr : &e->content;
}

void dict_object::set(runtime& rt, const value& key, value content) {
  rt.costs().work();
  const auto hash = hash_of(rt, key);
  const auto* old = lookup(rt, hash, [&](const value& other) { return same(key, other) || equals(rt, key, other); });
  if (old != nullptr) {
    entries_[static_cast<std::size_t>(old - entries_.data())].content = std::move(content);
    return;
  }
  rt.costs().take(sizeof(entry) + 2 * sizeof(std::uint32_t));
  entries_.push_back({key, std::move(content), hash});
  if (entries_.size() > 8) reindex();
}

void dict_object::reindex() {
  const bool grow = entries_.size() * 2 > slots_.size();
  if (grow) slots_.assign(std::max<std::size_t>(32, slots_.size() * 4), 0);
  const auto mask = slots_.size() - 1;
  for (std::size_t number = grow ? 0 : entries_.size() - 1; number < entries_.size(); ++number) {
    auto i = entries_[number].hash & mask;
    while (slots_[i] != 0) i = (i + 1) & mask;
    slots_[i] = static_cast<std::uint32_t>(number + 1);
  }
}

bool dict_object::attribute(runtime& rt, std::string_view name, value& out) {
  return dict_attribute(rt, this, name, out);
}

range_object::range_object(integer first, integer last, integer stride)
    : object(object_kind::range), start(first), stop(last), step(stride), length(0) {
  if (step > 0 && start < stop) length = static_cast<std::size_t>((stop - start - 1) / step + 1);
  if (step < 0 && start > stop) length = static_cast<std::size_t>((start - stop - 1) / -step + 1);
}

bool range_object::attribute(runtime& rt, std::string_view name, value& out) {
  if (name == "start" || name == "stop" || name == "step") {
    out = name == "start" ? start : name == "stop" ? stop : step;
    return true;
  }
  return range_attribute(rt, this, name, out);
}

std::string_view view_object::type_name() const {
  switch (which) {
    case part::keys: return "dict_keys";
    case part::values: return "dict_values";
    case part::items: break;
  }
  return "dict_items";
}

value view_object::at(runtime& rt, std::size_t i) const {
  const auto& e = dict->entries()[i];
  if (which == part::keys) return e.key;
  if (which == part::values) return e.content;
  return rt.tuple({e.key, e.content});
}

bool namespace_object::attribute(runtime& rt, std::string_view name, value& out) {
  rt.costs().work(1 + attributes.size() / 4);
  for (const auto& [known, content] : attributes) {
    if (known == name) {
      out = content;
      return true;
    }
  }
  return false;
}

void namespace_object::set(runtime& rt, std::string_view name, value content) {
  rt.costs().work(1 + attributes.size() / 4);
  for (auto& [known, old] : attributes) {
    if (known == name) {
      old = std::move(content);
      return;
    }
  }
  rt.costs().take(name.size() + sizeof(attributes[0]));
  attributes.emplace_back(name, std::move(content));
}

bool generator_object::next(value& out) {
  if (running_) raise("generator already executing");
  struct guard {
    bool& flag;
    explicit guard(bool& f) : flag(f) { flag = true; }
    ~guard() { flag = false; }
  } running(running_);
  return produce_(out);
}

} // namespace tokamak::jinja
