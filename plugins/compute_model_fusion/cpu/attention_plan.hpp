// How attention of a step is divided over threads: made once per step for each shape, used by all its layers.
#pragma once

#include "tokamak/kernels/attention.hpp"

#include <tokamak/plugin.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tokamak::cpu {

struct step_trees;

/// A few rows of one sequence with one K/V head; or one split of a single row whose keys are many.
struct attention_item {
  static constexpr std::uint32_t all = 0xffffffffu;
  std::uint32_t sequence;
  std::uint32_t row_begin, row_end; ///< counted from the sequence's first row
  std::uint32_t kv_head;
  std::uint32_t split;              ///< or `all`
  std::size_t partial;              ///< where its partial result goes, in floats; for merges where the first lies
};

struct attention_plan {
  // Shape
  std::uint32_t group = 0;
  std::uint32_t heads = 0, kv_heads = 0;
  std::uint32_t head_dim = 0, value_dim = 0;
  std::uint32_t window = 0;

  // Of the running step
  std::vector<kernels::attention_rows> sequences; ///< q and out are filled in for each layer
  std::vector<attention_item> items;
  std::vector<attention_item> merges;
  /// A row of a sequence, counted from its first.
  struct row_of_sequence {
    std::uint32_t sequence, row;
  };
  std::vector<row_of_sequence> shared_rows; ///< those whose K and V more than one item of a kv head reads
  std::size_t partial_floats = 0;

  bool same_shape(const attention_plan& o) const {
    return group == o.group && heads == o.heads && kv_heads == o.kv_heads && head_dim == o.head_dim &&
           value_dim == o.value_dim && window == o.window;
  }
  /// Fills the step's part. REQUIRES: the step was checked.
  void prepare(const tk_step& step, const step_trees& trees, unsigned threads);

private:
  void add_sequence(std::uint32_t sequence, const tk_step& step, const step_trees& trees);
  void add_splits(std::uint32_t sequence);
};

} // namespace tokamak::cpu
