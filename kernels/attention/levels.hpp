// What a level supplies for attention: one split's softmax for a few queries of one kv head, and merging two splits.
#pragma once

#include "kv_block/layout.hpp"
#include "tokamak/kernels/attention.hpp"

namespace tokamak::kernels::attention_detail {

/// Queries that share one pass over K and V.
inline constexpr std::uint32_t queries_avx2 = 6, queries_avx512 = 12;
inline constexpr std::uint32_t tile_queries = queries_avx512; ///< at any level

/// One query: row and head of it, the indices [key_begin, key_end) of its keys in this split, and where its result
/// goes: value_dim weighted sums of V, then the largest logit, then the sum of weights.
struct query {
  std::uint32_t row, head;
  std::uint32_t key_begin, key_end;
  float* partial;
};

struct split_args {
  const kv_layer* layer;
  const kv_detail::kv_strides* at;
  const attention_params* params;
  const attention_rows* rows;
  std::uint32_t kv_head;
  std::uint32_t head_dim, value_dim;
  std::uint32_t first_key; ///< index at which the split begins
  std::uint32_t n_queries; ///< 1..queries_at(level), each with at least one key
  const query* queries;
};

void split_reference(const split_args& args);
void split_avx2(const split_args& args);
void split_avx512(const split_args& args);

/// state <- state merged with the later partial; both [value_dim + 2].
void merge_reference(float* state, const float* partial, std::uint32_t value_dim);
void merge_avx2(float* state, const float* partial, std::uint32_t value_dim);

/// The slot of key `index` of a row.
std::uint32_t slot_of(const attention_rows& rows, std::uint32_t row, std::uint32_t index);
/// The block that holds `slot` of the sequence, in memory.
const std::byte* block_of(const kv_layer& layer, const attention_rows& rows, std::uint32_t slot);

} // namespace tokamak::kernels::attention_detail
