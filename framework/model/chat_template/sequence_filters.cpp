// Filters over sequences and mappings that look at all items.
#include <algorithm>

#include "model/chat_template/arguments.hpp"
#include "model/chat_template/attribute_path.hpp"
#include "model/chat_template/filters.hpp"
#include "model/chat_template/operations.hpp"
#include "model/chat_template/sorting.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {
namespace {

value length(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "length", {});
  const auto found = length_of(rt, v);
  if (!found) raise("object of type '{}' has no len()", type_name(v));
  return *found;
}

value first(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "first", {});
  value item;
  return iterator(rt, v).next(item) ? item : rt.undefined("No first item, sequence was empty.");
}

value last(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "last", {});
  if (!iterator::accepts(v) || v.as<generator_object>() != nullptr)
    raise("'{}' object is not reversible", type_name(v));
  if (const auto* s = v.string(); s != nullptr && s->size() > 0) return get_item(rt, v, -1);
  if (auto* l = v.as<list_object>(); l != nullptr && !l->items.empty()) return l->items.back();
  const auto items = collect(rt, v);
  return items.empty() ? rt.undefined("No last item, sequence was empty.") : items.back();
}

value list(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "list", {});
  return rt.list(collect(rt, v));
}

value join(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "join", {"d", "attribute"});
  const auto separator = given.has(0) ? to_string(rt, given[0]) : std::string();
  const attribute_path path(rt, given.get(1));
  text_builder out(rt.costs());
  iterator each(rt, v);
  bool is_first = true;
  for (value item; each.next(item); is_first = false) {
    if (!is_first) out.append(separator);
    const auto shown = path.of(rt, item);
    if (const auto* s = shown.string()) out.append(s->view());
    else out.append(to_string(rt, shown));
  }
  return rt.string(out.take());
}

value reversed_items(runtime& rt, std::vector<value> items) {
  return rt.generator("list_reverseiterator", [items = std::move(items)](value& out) mutable {
    if (items.empty()) return false;
    out = std::move(items.back());
    items.pop_back();
    return true;
  });
}

value reverse(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "reverse", {});
  if (v.string() != nullptr) return slice(rt, v, {}, {}, -1);
  if (!iterator::accepts(v)) raise("argument must be iterable");
  auto items = collect(rt, v);
  if (v.as<generator_object>() == nullptr) return reversed_items(rt, std::move(items));
  std::reverse(items.begin(), items.end());
  return rt.list(std::move(items));
}

value sort(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "sort", {"reverse", "case_sensitive", "attribute"});
  const bool ignore_case = !given.flag(rt, 1, false);
  std::vector<attribute_path> paths;
  const auto* several = given.get(2).string() != nullptr ? given[2].string() : nullptr;
  if (several == nullptr) {
    paths.emplace_back(rt, given.get(2));
  } else {
    auto rest = several->view();
    for (bool more = true; more;) {
      const auto comma = rest.find(',');
      more = comma != std::string_view::npos;
      paths.emplace_back(rt, rt.string(rest.substr(0, comma)));
      if (more) rest.remove_prefix(comma + 1);
    }
  }
  auto items = collect(rt, v);
  const auto key = [&](const value& item) {
    std::vector<value> keys;
    for (const auto& path : paths) keys.push_back(path.key_of(rt, item, ignore_case));
    return rt.list(std::move(keys));
  };
  sort_values(rt, items, key, given.flag(rt, 0, false));
  return rt.list(std::move(items));
}

value dictsort(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "dictsort", {"case_sensitive", "by", "reverse"});
  const std::string_view by = given.has(1) ? given.string(1).view() : "key";
  if (by != "key" && by != "value") raise("You can only sort by either \"key\" or \"value\"");
  require_defined(v);
  auto* d = v.as<dict_object>();
  if (d == nullptr) raise("'{}' object has no attribute 'items'", type_name(v));
  std::vector<value> pairs;
  for (const auto& e : d->entries()) pairs.push_back(rt.tuple({e.key, e.content}));
  const bool ignore_case = !given.flag(rt, 0, false);
  const std::size_t position = by == "key" ? 0 : 1;
  const auto key = [&](const value& pair) {
    const auto& part = pair.as<list_object>()->items[position];
    return ignore_case ? without_case(rt, part) : part;
  };
  sort_values(rt, pairs, key, given.flag(rt, 2, false));
  return rt.list(std::move(pairs));
}

value unique(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "unique", {"case_sensitive", "attribute"});
  const bool ignore_case = !given.flag(rt, 0, false);
  auto* seen = rt.make<dict_object>(0);
  return rt.generator("generator", [&rt, items = iterator(rt, v), path = attribute_path(rt, given.get(1)), ignore_case,
                                    seen](value& out) mutable {
    while (items.next(out)) {
      const auto key = path.key_of(rt, out, ignore_case);
      if (seen->find(rt, key) != nullptr) continue;
      seen->set(rt, key, true);
      return true;
    }
    return false;
  });
}

value extreme(runtime& rt, const value& v, arguments& args, std::string_view name, order better) {
  const bound_arguments given(args, name, {"case_sensitive", "attribute"});
  const bool ignore_case = !given.flag(rt, 0, false);
  const attribute_path path(rt, given.get(1));
  iterator each(rt, v);
  value best;
  if (!each.next(best)) return rt.undefined("No aggregated item, sequence was empty.");
  auto best_key = path.key_of(rt, best, ignore_case);
  for (value item; each.next(item);) {
    const auto key = path.key_of(rt, item, ignore_case);
    if (!compare(rt, better, key, best_key)) continue;
    best = item;
    best_key = key;
  }
  return best;
}
value min(runtime& rt, const value& v, arguments& args) { return extreme(rt, v, args, "min", order::less); }
value max(runtime& rt, const value& v, arguments& args) { return extreme(rt, v, args, "max", order::greater); }

value sum(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "sum", {"attribute", "start"});
  const attribute_path path(rt, given.get(0));
  auto total = given.has(1) ? given[1] : value(0);
  if (total.string() != nullptr) raise("sum() can't sum strings [use ''.join(seq) instead]");
  iterator each(rt, v);
  for (value item; each.next(item);) total = add(rt, total, path.of(rt, item));
  return total;
}

value batch(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "batch", {"linecount", "fill_with"}, 1);
  const auto size = given.whole(0, 0);
  return rt.generator("generator", [&rt, items = iterator(rt, v), size, fill = given.get(1),
                                    row = std::vector<value>()](value& out) mutable {
    for (value item; items.next(item);) {
      const bool full = static_cast<std::int64_t>(row.size()) == size;
      if (full) out = rt.list(std::exchange(row, {}));
      rt.costs().take(sizeof(value));
      row.push_back(item);
      if (full) return true;
    }
    if (row.empty()) return false;
    while (!fill.is_none() && static_cast<std::int64_t>(row.size()) < size) {
      rt.costs().work();
      rt.costs().take(sizeof(value));
      row.push_back(fill);
    }
    out = rt.list(std::exchange(row, {}));
    return true;
  });
}

value slice_columns(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "slice", {"slices", "fill_with"}, 1);
  const auto slices = given.whole(0, 0);
  if (slices == 0) raise("integer division or modulo by zero");
  auto items = collect(rt, v);
  return rt.generator("generator", [&rt, items = std::move(items), slices, fill = given.get(1),
                                    column = std::int64_t{0}, at = std::size_t{0}](value& out) mutable {
    if (column >= slices) return false;
    const auto count = static_cast<std::int64_t>(items.size());
    const bool longer = column < count % slices;
    const auto size = static_cast<std::size_t>(count / slices + (longer ? 1 : 0));
    std::vector<value> part(items.begin() + static_cast<std::ptrdiff_t>(at),
                            items.begin() + static_cast<std::ptrdiff_t>(at + size));
    if (!fill.is_none() && !longer) part.push_back(fill);
    at += size;
    ++column;
    out = rt.list(std::move(part));
    return true;
  });
}

value groupby(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "groupby", {"attribute", "default", "case_sensitive"}, 1);
  const attribute_path path(rt, given[0]);
  const auto fallback = given.get(1);
  const bool ignore_case = !given.flag(rt, 2, false);
  auto items = collect(rt, v);
  const auto key = [&](const value& item) { return path.key_of(rt, item, ignore_case, fallback); };
  sort_values(rt, items, key, false);
  std::vector<value> groups;
  for (std::size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    const auto group_key = key(items[begin]);
    std::vector<value> members;
    for (end = begin; end < items.size() && equals(rt, key(items[end]), group_key); ++end)
      members.push_back(items[end]);
    if (members.empty()) members.push_back(items[end++]); // a key that does not equal itself
    const auto shown = path.of(rt, items[begin], fallback);
    groups.emplace_back(
        rt.make<group_object>(2 * sizeof(value), std::vector<value>{shown, rt.list(std::move(members))}));
  }
  return rt.list(std::move(groups));
}

value items(runtime& rt, const value& v, arguments& args) {
  bound_arguments(args, "items", {});
  auto* d = v.as<dict_object>();
  if (d == nullptr && !v.is_undefined()) raise("Can only get item pairs from a mapping.");
  return rt.generator("generator", [&rt, d, position = std::size_t{0}](value& out) mutable {
    if (d == nullptr || position >= d->entries().size()) return false;
    const auto& e = d->entries()[position++];
    out = rt.tuple({e.key, e.content});
    return true;
  });
}

value attr(runtime& rt, const value& v, arguments& args) {
  const bound_arguments given(args, "attr", {"name"}, 1);
  return get_own_attribute(rt, v, given.string(0).view());
}

value random(runtime&, const value&, arguments&) {
  refuse("the filter 'random' is refused: a prompt does not depend on chance");
}

constexpr filter_entry table[] = {
    {"length", length},   {"count", length},    {"first", first}, {"last", last},         {"list", list},
    {"join", join},       {"reverse", reverse}, {"sort", sort},   {"dictsort", dictsort}, {"unique", unique},
    {"min", min},         {"max", max},         {"sum", sum},     {"batch", batch},       {"slice", slice_columns},
    {"groupby", groupby}, {"items", items},     {"attr", attr},   {"random", random},
};

} // namespace

std::span<const filter_entry> sequence_filters() { return table; }

} // namespace tokamak::jinja
