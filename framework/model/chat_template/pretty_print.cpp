// A container that does not fit what is left of its line puts each item on a line of its own.
#include "model/chat_template/pretty_print.hpp"

#include "model/chat_template/operations.hpp"
#include "model/chat_template/sorting.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {
namespace {

constexpr std::int64_t page_width = 80;

class pretty_printer {
 public:
  explicit pretty_printer(runtime& rt) : rt_(rt), out_(rt.costs()) {}

  /// `indent` columns are taken on the left, `allowance` are needed on the right for what closes.
  void print(const value& v, std::int64_t indent, std::int64_t allowance) {
    const auto level = rt_.costs().data_level();
    const auto one_line = to_repr(rt_, v);
    const bool fits = static_cast<std::int64_t>(count_characters(one_line)) <= page_width - indent - allowance;
    auto* l = v.as<list_object>();
    auto* d = v.as<dict_object>();
    if (fits || (l == nullptr && d == nullptr)) return out_.append(one_line);
    if (d != nullptr) return print_dict(*d, indent + 1, allowance + 1);
    const std::string_view end = !l->is_tuple() ? "]" : l->items.size() == 1 ? ",)" : ")";
    out_.append(l->is_tuple() ? '(' : '[');
    print_items(l->items, indent + 1, allowance + static_cast<std::int64_t>(end.size()));
    out_.append(end);
  }
  std::string take() { return out_.take(); }

 private:
  void break_line(std::int64_t indent) {
    out_.append(",\n");
    out_.repeat(" ", indent);
  }

  void print_items(const std::vector<value>& items, std::int64_t indent, std::int64_t allowance) {
    for (std::size_t i = 0; i < items.size(); ++i) {
      const bool is_last = i + 1 == items.size();
      print(items[i], indent, is_last ? allowance : 1);
      if (!is_last) break_line(indent);
    }
  }

  void print_dict(const dict_object& d, std::int64_t indent, std::int64_t allowance) {
    out_.append('{');
    for (std::size_t i = 0; i < d.entries().size(); ++i) {
      const auto& e = d.entries()[i];
      const bool is_last = i + 1 == d.entries().size();
      const auto key = to_repr(rt_, e.key);
      out_.append(key);
      out_.append(": ");
      print(e.content, indent + static_cast<std::int64_t>(count_characters(key)) + 2, is_last ? allowance : 1);
      if (!is_last) break_line(indent);
    }
    out_.append('}');
  }

  runtime& rt_;
  text_builder out_;
};

/// The same value with all mappings ordered by key.
value with_sorted_keys(runtime& rt, const value& v) {
  const auto level = rt.costs().data_level();
  if (auto* l = v.as<list_object>()) {
    std::vector<value> items;
    for (const auto& item : l->items) items.push_back(with_sorted_keys(rt, item));
    return l->is_tuple() ? rt.tuple(std::move(items)) : rt.list(std::move(items));
  }
  auto* d = v.as<dict_object>();
  if (d == nullptr) return v;
  std::vector<value> keys;
  for (const auto& e : d->entries()) keys.push_back(e.key);
  sort_values(
      rt, keys, [](const value& key) { return key; }, false);
  auto* sorted = rt.make<dict_object>(0);
  for (const auto& key : keys) sorted->set(rt, key, with_sorted_keys(rt, *d->find(rt, key)));
  return sorted;
}

} // namespace

std::string pretty_print(runtime& rt, const value& v) {
  pretty_printer out(rt);
  out.print(with_sorted_keys(rt, v), 0, 0);
  return out.take();
}

} // namespace tokamak::jinja
