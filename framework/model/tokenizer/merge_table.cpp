// Byte-pair merging (Sennrich et al. 2016). Short inputs, nearly all there are, rescan an array of
// ranks; long ones use a heap over a linked list, so that no text costs quadratic time.
#include "model/tokenizer/merge_table.hpp"

#include "model/tokenizer/byte_hash.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace tokamak {
namespace {

constexpr std::size_t short_symbols = 64;

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return (std::uint64_t{static_cast<std::uint32_t>(left)} << 32) | static_cast<std::uint32_t>(right);
}

void merge_short(const merge_table& merges, std::vector<std::int32_t>& symbols) {
  // made[i]: the merge of symbols i and i + 1.
  std::array<merge_table::merge, short_symbols> made;
  std::size_t n = symbols.size();
  for (std::size_t i = 0; i + 1 < n; ++i)
    made[i] = merges.find(symbols[i], symbols[i + 1]);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i)
      if (made[i].rank < made[best].rank)
        best = i;
    if (made[best].rank == merge_table::no_rank)
      break;
    symbols[best] = made[best].id;
    std::copy(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 2,
              symbols.begin() + static_cast<std::ptrdiff_t>(n),
              symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    std::copy(made.begin() + best + 1, made.begin() + (n - 1), made.begin() + best);
    --n;
    if (best + 1 < n)
      made[best] = merges.find(symbols[best], symbols[best + 1]);
    if (best > 0)
      made[best - 1] = merges.find(symbols[best - 1], symbols[best]);
  }
  symbols.resize(n);
}

struct candidate {
  merge_table::merge made;
  std::uint32_t left; // index of the left symbol
  std::int32_t left_id, right_id;

  // std::push_heap keeps the greatest in front: the lowest rank, then the leftmost.
  bool operator<(const candidate& other) const {
    return made.rank != other.made.rank ? made.rank > other.made.rank : left > other.left;
  }
};

class long_merge {
public:
  long_merge(const merge_table& merges, std::vector<std::int32_t>& symbols) : merges_(merges), symbols_(symbols) {}

  void run() {
    const auto n = static_cast<std::uint32_t>(symbols_.size());
    next_.resize(n);
    previous_.resize(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      next_[i] = i + 1;
      previous_[i] = i - 1; // of the first: none, below n never
    }
    for (std::uint32_t i = 0; i + 1 < n; ++i)
      consider(i);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const candidate best = heap_.back();
      heap_.pop_back();
      apply(best);
    }
    std::erase(symbols_, gone);
  }

private:
  static constexpr std::int32_t gone = -0x7fffffff;

  void consider(std::uint32_t left) {
    const std::uint32_t right = next_[left];
    if (right >= symbols_.size())
      return;
    const auto made = merges_.find(symbols_[left], symbols_[right]);
    if (made.rank == merge_table::no_rank)
      return;
    heap_.push_back({made, left, symbols_[left], symbols_[right]});
    std::push_heap(heap_.begin(), heap_.end());
  }

  void apply(const candidate& best) {
    const std::uint32_t left = best.left;
    const std::uint32_t right = next_[left];
    // A neighbour may have merged since; the pair is then no longer what was considered.
    if (symbols_[left] != best.left_id || right >= symbols_.size() || symbols_[right] != best.right_id)
      return;
    symbols_[left] = best.made.id;
    symbols_[right] = gone;
    next_[left] = next_[right];
    if (next_[left] < symbols_.size())
      previous_[next_[left]] = left;
    consider(left);
    if (previous_[left] < symbols_.size())
      consider(previous_[left]);
  }

  const merge_table& merges_;
  std::vector<std::int32_t>& symbols_;
  std::vector<std::uint32_t> next_, previous_;
  std::vector<candidate> heap_;
};

} // namespace

merge_table::merge_table(std::size_t count)
    : slots_(std::bit_ceil(count * 3 / 2 + 2), slot{free_slot, {no_rank, -1}}) {}

void merge_table::add(std::int32_t left, std::int32_t right, merge made) {
  const std::uint64_t key = pair_key(left, right);
  std::size_t at = mix_bits(key) & (slots_.size() - 1);
  while (slots_[at].pair != free_slot && slots_[at].pair != key)
    at = (at + 1) & (slots_.size() - 1);
  if (slots_[at].pair == free_slot)
    slots_[at] = {key, made};
}

merge_table::merge merge_table::find(std::int32_t left, std::int32_t right) const {
  if (left < 0 || right < 0)
    return {no_rank, -1};
  const std::uint64_t key = pair_key(left, right);
  std::size_t at = mix_bits(key) & (slots_.size() - 1);
  while (slots_[at].pair != key) {
    if (slots_[at].pair == free_slot)
      return {no_rank, -1};
    at = (at + 1) & (slots_.size() - 1);
  }
  return slots_[at].made;
}

void merge_pairs(const merge_table& merges, std::vector<std::int32_t>& symbols) {
  if (symbols.size() <= short_symbols)
    merge_short(merges, symbols);
  else
    long_merge(merges, symbols).run();
}

} // namespace tokamak
