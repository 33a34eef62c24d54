// Dividing attention. Which way is taken never changes a result's bits (tokamak/kernels/attention.hpp).
#include "attention_plan.hpp"

#include "operation.hpp"

#include <algorithm>

namespace tokamak::cpu {

namespace {

// Query rows of one item; with grouped heads they share each load of K and V.
constexpr std::uint32_t item_rows = 8;

} // namespace

void attention_plan::prepare(const tk_step& step, const step_trees& trees, unsigned threads) {
  sequences.clear();
  items.clear();
  merges.clear();
  shared_rows.clear();
  partial_floats = 0;
  std::uint32_t whole_items = 0;
  for (std::uint32_t s = 0; s < step.n_sequences; ++s) {
    add_sequence(s, step, trees);
    whole_items += (sequences[s].rows + item_rows - 1) / item_rows * kv_heads;
  }
  const bool few = threads > 1 && whole_items < 4 * threads;
  kernels::attention_params params;
  params.window = window;
  for (std::uint32_t s = 0; s < step.n_sequences; ++s) {
    const std::uint32_t rows = sequences[s].rows;
    const bool splits = few && rows == 1 && kernels::attention_splits(params, sequences[s], 0) > 1;
    if (rows > 1 || splits)
      for (std::uint32_t row = 0; row < rows; ++row) shared_rows.push_back({s, row});
    if (splits) {
      add_splits(s);
      continue;
    }
    for (std::uint32_t begin = 0; begin < rows; begin += item_rows)
      for (std::uint32_t head = 0; head < kv_heads; ++head)
        items.push_back({s, begin, std::min(rows, begin + item_rows), head, attention_item::all, 0});
  }
}

void attention_plan::add_sequence(std::uint32_t sequence, const tk_step& step, const step_trees& trees) {
  const tk_step_group& at = step.groups[group];
  kernels::attention_rows rows;
  rows.ldq = std::size_t{heads} * head_dim;
  rows.ldo = std::size_t{heads} * value_dim;
  rows.rows = step.sequences[sequence].row_count;
  rows.context = at.context[sequence];
  rows.block_table = at.tables + at.table_begin[sequence];
  rows.first_block = at.first_block[sequence];
  if (!trees.ancestor_begin.empty()) {
    rows.ancestors = trees.ancestors.data();
    rows.ancestor_begin = trees.ancestor_begin.data() + step.sequences[sequence].row_begin;
  }
  sequences.push_back(rows);
}

void attention_plan::add_splits(std::uint32_t sequence) {
  kernels::attention_params params;
  params.window = window;
  const std::uint32_t splits = kernels::attention_splits(params, sequences[sequence], 0);
  const std::size_t size = std::size_t{heads / kv_heads} * (value_dim + 2);
  for (std::uint32_t head = 0; head < kv_heads; ++head) {
    merges.push_back({sequence, 0, 1, head, splits, partial_floats});
    for (std::uint32_t split = 0; split < splits; ++split, partial_floats += size)
      items.push_back({sequence, 0, 1, head, split, partial_floats});
  }
}

} // namespace tokamak::cpu
