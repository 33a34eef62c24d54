// Causal attention of one sequence's query rows over its paged K/V: grouped queries, sliding window, soft-cap, trees.
//
// Bits: the keys that a row attends, in order, get indices 0, 1, 2, ...: first the context, then the rows of this step
// that it may see. They are cut at fixed multiples of `attention_split` indices; each split is a softmax of its own,
// and splits merge in order (Milakov & Gimelshein 2018). So a row's result depends on its keys only, not on the block
// size, on which rows are computed together, on threads, or on whether its predecessors came as prompt, decoded or
// drafted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tokamak/kernels/cpu_level.hpp"
#include "tokamak/kernels/kv_block.hpp"

namespace tokamak::kernels {

/// Key indices in one split.
inline constexpr std::uint32_t attention_split = 256;
/// Largest head_dim and value_dim that attention takes.
inline constexpr std::uint32_t attention_max_head_dim = 512;

struct attention_params {
  std::uint32_t heads = 0;    ///< query heads; a multiple of kv_heads
  std::uint32_t kv_heads = 0; ///< divides the layer's k_width (by head_dim) and v_width (by value_dim)
  float scale = 1;            ///< of q.k, usually 1/sqrt(head_dim)
  float soft_cap = 0;         ///< logits become cap*tanh(logit/cap); 0 for none
  std::uint32_t window = 0;   ///< a key is seen by a query at most window-1 indices later; 0 for no window
};

/// Query rows of one sequence in one step. Their K/V must have been written before: row i's into slot context + i.
/// Slot s is offset s % block_size of block_table[s / block_size - first_block].
struct attention_rows {
  const float* q = nullptr; ///< [rows, heads*head_dim], stride ldq
  std::size_t ldq = 0;
  float* out = nullptr; ///< [rows, heads*value_dim], stride ldo
  std::size_t ldo = 0;
  std::uint32_t rows = 0;
  std::uint32_t context = 0; ///< slots filled before this step
  const std::uint32_t* block_table = nullptr;
  std::uint32_t first_block = 0; ///< logical number of block_table[0]; earlier ones left the window
  /// nullptr: row i sees the context and rows 0..i. Else a tree: row i sees the context, then rows
  /// ancestors[ancestor_begin[i] .. ancestor_begin[i+1]) from the root down, then itself (not listed).
  const std::uint32_t* ancestors = nullptr;
  const std::uint32_t* ancestor_begin = nullptr; ///< [rows+1]
};

/// Computes rows [row_begin, row_end) of kv heads [kv_head_begin, kv_head_end), i.e. of heads kv_head*group .. +group
/// where group = heads / kv_heads. Any thread; disjoint ranges may run at once. A row with a NaN logit gives NaN.
void attention(cpu_level level, const kv_layer& layer, const attention_params& params, const attention_rows& rows,
               std::uint32_t row_begin, std::uint32_t row_end, std::uint32_t kv_head_begin, std::uint32_t kv_head_end);

/// Asks the processor to bring the K and V that attention() of a row with one kv head will read first into its second cache: for rows that
/// come after others, so that they do not wait for memory. Changes nothing else.
void attention_prefetch(const kv_layer& layer, const attention_params& params, const attention_rows& rows, std::uint32_t row, std::uint32_t kv_head);

/// For one long row on several threads: the same bits from splits computed apart and merged. A row has
/// attention_splits() of them, counted from the first that its window reaches; attention_partial() computes one for
/// one kv head's queries into partial[group, value_dim + 2]; attention_merge() takes [splits, group, value_dim + 2] and
/// writes the row's outputs of this kv head.
std::uint32_t attention_splits(const attention_params& params, const attention_rows& rows, std::uint32_t row);
void attention_partial(cpu_level level, const kv_layer& layer, const attention_params& params,
                       const attention_rows& rows, std::uint32_t row, std::uint32_t kv_head, std::uint32_t split,
                       float* partial);
void attention_merge(cpu_level level, const kv_layer& layer, const attention_params& params, const attention_rows& rows,
                     std::uint32_t row, std::uint32_t kv_head, const float* partials);

} // namespace tokamak::kernels
