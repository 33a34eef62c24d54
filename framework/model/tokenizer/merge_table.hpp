// The merges of a byte-pair vocabulary: which two adjacent tokens become which, and in what order.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tokamak {

/// Hash map from token pairs to merges, flat in memory: this lookup is the inner loop of encoding.
/// Immutable once filled; any thread.
class merge_table {
public:
  struct merge {
    std::uint32_t rank; ///< lower goes first
    std::int32_t id;    ///< the token made
  };
  static constexpr std::uint32_t no_rank = 0xffffffff;

  /// Room for `count` merges; none may be added beyond it.
  explicit merge_table(std::size_t count = 0);

  /// Adds a pair unless it is there already (the first, lowest, rank wins). REQUIRES: ids >= 0.
  void add(std::int32_t left, std::int32_t right, merge made);

  /// The merge of two adjacent tokens, with rank no_rank if there is none. Negative ids never merge.
  merge find(std::int32_t left, std::int32_t right) const;

private:
  struct slot {
    std::uint64_t pair;
    merge made;
  };
  static constexpr std::uint64_t free_slot = ~std::uint64_t{0};

  std::vector<slot> slots_;
};

/// Replaces adjacent symbols by merges, lowest rank first and leftmost among equals, until none applies.
/// `symbols` holds token ids, or negative numbers for what never merges. O(n log n).
void merge_pairs(const merge_table& merges, std::vector<std::int32_t>& symbols);

} // namespace tokamak
