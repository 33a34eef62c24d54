// Truth, equality, order, hashing and membership.
#include <cmath>
#include <cstring>

#include "model/chat_template/number_text.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/text_search.hpp"

namespace tokamak::jinja {
namespace {

/// -1, 0, 1 for numbers, or 2 if they have no order (NaN). Exact for large integers too.
int compare_numbers(const value& a, const value& b) {
  integer x = 0, y = 0;
  const bool x_whole = a.to_integer(x), y_whole = b.to_integer(y);
  if (x_whole && y_whole) return x < y ? -1 : x > y ? 1 : 0;
  if (!x_whole && !y_whole) {
    const double p = *a.real(), q = *b.real();
    return std::isnan(p) || std::isnan(q) ? 2 : p < q ? -1 : p > q ? 1 : 0;
  }
  if (x_whole) {
    const int swapped = compare_numbers(b, a);
    return swapped == 2 ? 2 : -swapped;
  }
  const double p = *a.real();
  if (std::isnan(p)) return 2;
  if (std::abs(p) >= 0x1p126) return p < 0 ? -1 : 1;
  const auto whole = static_cast<integer>(p);
  if (whole != y) return whole < y ? -1 : 1;
  const double rest = p - static_cast<double>(whole);
  return rest < 0 ? -1 : rest > 0 ? 1 : 0;
}

bool is_number(const value& v) { return v.whole() != nullptr || v.boolean() != nullptr || v.real() != nullptr; }

bool equal_items(runtime& rt, const std::vector<value>& a, const std::vector<value>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i]) && !equals(rt, a[i], b[i])) return false;
  }
  return true;
}

/// Views of keys or of items are equal as sets are; views of values only to themselves.
bool equal_views(runtime& rt, const view_object& a, const view_object& b) {
  using part = view_object::part;
  if (a.which == part::values || b.which == part::values || a.dict->entries().size() != b.dict->entries().size()) return false;
  if (a.which != b.which) return a.dict->entries().empty();
  for (const auto& e : a.dict->entries()) {
    const auto* other = b.dict->find(rt, e.key);
    if (other == nullptr || (a.which == part::items && !same(e.content, *other) && !equals(rt, e.content, *other))) return false;
  }
  return true;
}

bool equal_objects(runtime& rt, const value& a, const value& b) {
  const auto level = rt.costs().data_level();
  if (auto* p = a.as<list_object>(), *q = b.as<list_object>(); p != nullptr && q != nullptr) {
    return p->is_tuple() == q->is_tuple() && equal_items(rt, p->items, q->items);
  }
  if (auto* p = a.as<dict_object>(), *q = b.as<dict_object>(); p != nullptr && q != nullptr) {
    if (p->entries().size() != q->entries().size()) return false;
    for (const auto& e : p->entries()) {
      const auto* other = q->find(rt, e.key);
      if (other == nullptr || (!same(e.content, *other) && !equals(rt, e.content, *other))) return false;
    }
    return true;
  }
  if (auto* p = a.as<view_object>(), *q = b.as<view_object>(); p != nullptr && q != nullptr) return equal_views(rt, *p, *q);
  if (auto* p = a.as<range_object>(), *q = b.as<range_object>(); p != nullptr && q != nullptr) {
    return p->length == q->length &&
           (p->length == 0 || (p->start == q->start && (p->length == 1 || p->step == q->step)));
  }
  return a.is_undefined() && b.is_undefined();
}

constexpr std::string_view order_sign(order op) {
  switch (op) {
    case order::less: return "<";
    case order::less_equal: return "<=";
    case order::greater: return ">";
    case order::greater_equal: break;
  }
  return ">=";
}

bool holds(order op, int sign) {
  switch (op) {
    case order::less: return sign < 0;
    case order::less_equal: return sign <= 0;
    case order::greater: return sign > 0;
    case order::greater_equal: break;
  }
  return sign >= 0;
}

int sign_of(std::size_t a, std::size_t b) { return a < b ? -1 : a > b ? 1 : 0; }

std::size_t mix(std::size_t seed, std::size_t next) { return (seed ^ next) * 0x9E3779B97F4A7C15u + (seed >> 7); }

} // namespace

void require_defined(const value& v) {
  if (auto* u = v.as<undefined_object>()) u->fail();
}

bool truthy(runtime& rt, const value& v) {
  if (v.is_none()) return false;
  if (const auto* b = v.boolean()) return *b;
  if (const auto* i = v.whole()) return *i != 0;
  if (const auto* d = v.real()) return *d != 0;
  const auto length = length_of(rt, v);
  return !length || *length != 0;
}

bool same(const value& a, const value& b) {
  if (a.any_object() != nullptr || b.any_object() != nullptr) return a.any_object() == b.any_object();
  if (const auto* p = a.string(), *q = b.string(); p != nullptr && q != nullptr) {
    return p->view().data() == q->view().data();
  }
  if (const auto* p = a.boolean(), *q = b.boolean(); p != nullptr && q != nullptr) return *p == *q;
  if (const auto* p = a.whole(), *q = b.whole(); p != nullptr && q != nullptr) return *p == *q;
  return a.is_none() && b.is_none();
}

bool equals(runtime& rt, const value& a, const value& b) {
  rt.costs().work();
  if (is_number(a) && is_number(b)) return compare_numbers(a, b) == 0;
  if (const auto* p = a.string(), *q = b.string(); p != nullptr && q != nullptr) {
    if (p->view().size() != q->view().size()) return false;
    rt.costs().text_work(p->view().size());
    return p->view() == q->view();
  }
  if (a.is_none() && b.is_none()) return true;
  if (a.any_object() == nullptr || b.any_object() == nullptr) return false;
  return a.any_object() == b.any_object() || equal_objects(rt, a, b);
}

bool compare(runtime& rt, order op, const value& a, const value& b) {
  rt.costs().work();
  require_defined(a);
  require_defined(b);
  if (is_number(a) && is_number(b)) {
    const int sign = compare_numbers(a, b);
    return sign != 2 && holds(op, sign);
  }
  if (const auto* p = a.string(), *q = b.string(); p != nullptr && q != nullptr) {
    rt.costs().text_work(p->view().size());
    return holds(op, p->view().compare(q->view()));
  }
  auto *p = a.as<list_object>(), *q = b.as<list_object>();
  if (p != nullptr && q != nullptr && p->is_tuple() == q->is_tuple()) {
    const auto level = rt.costs().data_level();
    for (std::size_t i = 0; i < p->items.size() && i < q->items.size(); ++i) {
      if (!same(p->items[i], q->items[i]) && !equals(rt, p->items[i], q->items[i])) {
        return compare(rt, op, p->items[i], q->items[i]);
      }
    }
    return holds(op, sign_of(p->items.size(), q->items.size()));
  }
  raise("'{}' not supported between instances of '{}' and '{}'", order_sign(op), type_name(a), type_name(b));
}

std::size_t hash_of(std::string_view bytes) { return std::hash<std::string_view>{}(bytes); }

std::size_t hash_of(runtime& rt, const value& v) {
  rt.costs().work();
  integer whole = 0;
  if (const auto* d = v.real()) {
    if (!std::isfinite(*d) || std::abs(*d) >= 0x1p126 || std::trunc(*d) != *d) return std::hash<double>{}(*d);
    whole = static_cast<integer>(*d);
    return mix(static_cast<std::size_t>(whole), static_cast<std::size_t>(whole >> 64));
  }
  if (v.to_integer(whole)) return mix(static_cast<std::size_t>(whole), static_cast<std::size_t>(whole >> 64));
  if (const auto* s = v.string()) {
    rt.costs().text_work(s->view().size());
    return hash_of(s->view());
  }
  if (v.is_none()) return 0x6E6F6E65;
  if (v.is_undefined()) return 0x756E6466;
  if (auto* l = v.as<list_object>(); l != nullptr && l->is_tuple()) {
    const auto level = rt.costs().data_level();
    std::size_t seed = l->items.size();
    for (const auto& item : l->items) seed = mix(seed, hash_of(rt, item));
    return seed;
  }
  if (auto* r = v.as<range_object>()) return mix(r->length, r->length == 0 ? 0 : static_cast<std::size_t>(r->start));
  if (v.as<list_object>() != nullptr || v.as<dict_object>() != nullptr || v.as<view_object>() != nullptr) {
    raise("unhashable type: '{}'", type_name(v));
  }
  return std::hash<const void*>{}(v.any_object());
}

bool contains(runtime& rt, const value& container, const value& item) {
  if (const auto* s = container.string()) {
    const auto* part = item.string();
    if (part == nullptr) raise("'in <string>' requires string as left operand, not {}", type_name(item));
    return find_text(rt.costs(), s->view(), part->view()) != std::string_view::npos;
  }
  if (auto* d = container.as<dict_object>()) return d->find(rt, item) != nullptr;
  if (auto* w = container.as<view_object>(); w != nullptr && w->which == view_object::part::keys) {
    return w->dict->find(rt, item) != nullptr;
  }
  integer number = 0;
  if (auto* r = container.as<range_object>(); r != nullptr && item.to_integer(number)) {
    const bool inside = r->step > 0 ? number >= r->start && number < r->stop : number <= r->start && number > r->stop;
    return inside && (number - r->start) % r->step == 0;
  }
  if (!iterator::accepts(container)) raise("argument of type '{}' is not iterable", type_name(container));
  iterator each(rt, container);
  for (value other; each.next(other);) {
    if (same(item, other) || equals(rt, item, other)) return true;
  }
  return false;
}

} // namespace tokamak::jinja
