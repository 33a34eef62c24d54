// A merge sort of our own: std::stable_sort requires a strict weak order, which NaN breaks.
#include "model/chat_template/sorting.hpp"

#include <algorithm>

namespace tokamak::jinja {

void sort_values(runtime& rt, std::vector<value>& items, const std::function<value(const value&)>& key,
                 bool descending) {
  struct keyed {
    value key;
    value item;
  };
  const auto bytes = 2 * items.size() * sizeof(keyed);
  rt.costs().take(bytes);
  std::vector<keyed> from, to(items.size());
  from.reserve(items.size());
  for (auto& item : items) from.push_back({key(item), item});
  const auto before = [&](const keyed& a, const keyed& b) {
    return compare(rt, order::less, descending ? b.key : a.key, descending ? a.key : b.key);
  };
  for (std::size_t width = 1; width < from.size(); width *= 2) {
    for (std::size_t low = 0; low < from.size(); low += 2 * width) {
      const auto middle = std::min(low + width, from.size()), high = std::min(low + 2 * width, from.size());
      for (std::size_t left = low, right = middle, out = low; out < high; ++out) {
        const bool take_right = right < high && (left >= middle || before(from[right], from[left]));
        to[out] = std::move(from[take_right ? right++ : left++]);
      }
    }
    std::swap(from, to);
  }
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = std::move(from[i].item);
  rt.costs().give(bytes);
}

} // namespace tokamak::jinja
