// Attention for all levels: which keys a row has, cutting them into splits, tiling queries, merging in order.
#include "tokamak/kernels/attention.hpp"

#include <algorithm>
#include <cstring>

#include "attention/levels.hpp"

namespace tokamak::kernels {

using namespace attention_detail;

namespace {

std::uint32_t queries_at(cpu_level level) { return level >= cpu_level::avx512 ? queries_avx512 : queries_avx2; }

struct key_range {
  std::uint32_t begin, end;
};

key_range keys_of(const attention_params& params, const attention_rows& rows, std::uint32_t row) {
  const std::uint32_t before =
      rows.ancestor_begin == nullptr ? row : rows.ancestor_begin[row + 1] - rows.ancestor_begin[row];
  const std::uint32_t end = rows.context + before + 1;
  return {params.window != 0 && end > params.window ? end - params.window : 0, end};
}

split_args args_for(const kv_layer& layer, const kv_detail::kv_strides& at, const attention_params& params,
                    const attention_rows& rows, std::uint32_t kv_head) {
  return {&layer, &at, &params, &rows, kv_head, layer.shape.k_width / params.kv_heads,
          layer.shape.v_width / params.kv_heads, 0, 0, nullptr};
}

void run_split(cpu_level level, const split_args& args) {
#if defined(TOKAMAK_KERNELS_X86)
  if (level >= cpu_level::avx512) return split_avx512(args);
  if (level >= cpu_level::avx2) return split_avx2(args);
#endif
  (void)level;
  split_reference(args);
}

void merge(cpu_level level, float* state, const float* partial, std::uint32_t value_dim) {
#if defined(TOKAMAK_KERNELS_X86)
  if (level >= cpu_level::avx2) return merge_avx2(state, partial, value_dim);
#endif
  (void)level;
  merge_reference(state, partial, value_dim);
}

void write_out(const float* state, std::uint32_t value_dim, float* out) {
  const float weights = state[value_dim + 1];
  for (std::uint32_t d = 0; d < value_dim; ++d) out[d] = state[d] / weights;
}

float* out_of(const attention_rows& rows, std::uint32_t row, std::uint32_t head, std::uint32_t value_dim) {
  return rows.out + row * rows.ldo + static_cast<std::size_t>(head) * value_dim;
}

// Asks for K and V of one kv head, keys [begin, end) of the context. Blocks lie anywhere and a head's part of one is short, so the processor
// does not see the next one coming.
void prefetch_keys(const kv_layer& layer, const kv_detail::kv_strides& at, const attention_rows& rows, std::uint32_t kv_heads, std::uint32_t kv_head,
                   std::uint32_t begin, std::uint32_t end) {
  constexpr std::size_t line = 64;
  constexpr std::uint32_t group = 8; // keys
  const std::uint32_t block_size = layer.shape.block_size;
  const std::size_t k_dim = layer.shape.k_width / kv_heads, v_dim = layer.shape.v_width / kv_heads, element = at.element_bytes;
  const auto ask = [](const std::byte* from, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; i += line) __builtin_prefetch(from + i, 0, 2);
  };
  for (std::uint32_t slot = begin; slot < end;) {
    const std::uint32_t first = slot % block_size, stop = std::min(end - (slot - first), block_size);
    const std::byte* const block = block_of(layer, rows, slot);
    for (std::uint32_t token = first; token < stop; token += group - token % group)
      ask(block + (token / group * at.k_group + kv_head * k_dim * group) * element, k_dim * group * element);
    for (std::uint32_t token = first; token < stop; ++token) ask(block + (at.v_at + token * at.v_token + kv_head * v_dim) * element, v_dim * element);
    slot += stop - first;
  }
}

// A few queries of one kv head over all their splits. Queries are numbered row by row, `group` heads each.
void run_tile(cpu_level level, const split_args& head, std::uint32_t first_query, std::uint32_t n_queries,
              std::uint32_t group) {
  split_args args = head;
  const std::uint32_t value_dim = args.value_dim;
  alignas(64) float state[tile_queries][attention_max_head_dim + 2];
  alignas(64) float later[tile_queries][attention_max_head_dim + 2];
  key_range keys[tile_queries];
  std::uint32_t first_split = UINT32_MAX, end_split = 0;
  for (std::uint32_t i = 0; i < n_queries; ++i) {
    keys[i] = keys_of(*args.params, *args.rows, (first_query + i) / group);
    first_split = std::min(first_split, keys[i].begin / attention_split);
    end_split = std::max(end_split, (keys[i].end - 1) / attention_split + 1);
  }
  query queries[tile_queries];
  args.queries = queries;
  for (std::uint32_t split = first_split; split < end_split; ++split) {
    args.first_key = split * attention_split;
    args.n_queries = 0;
    std::uint32_t merged[tile_queries], n_merged = 0;
    for (std::uint32_t i = 0; i < n_queries; ++i) {
      const std::uint32_t begin = std::max(keys[i].begin, args.first_key);
      const std::uint32_t end = std::min(keys[i].end, args.first_key + attention_split);
      if (begin >= end) continue;
      const bool first = split == keys[i].begin / attention_split;
      if (!first) merged[n_merged++] = i;
      const std::uint32_t number = first_query + i;
      queries[args.n_queries++] = {number / group, args.kv_head * group + number % group, begin, end,
                                   first ? state[i] : later[i]};
    }
    if (args.rows->rows == 1 && split + 1 < end_split) { // keys that nobody else has just read
      const std::uint32_t next = args.first_key + attention_split;
      prefetch_keys(*args.layer, *args.at, *args.rows, args.params->kv_heads, args.kv_head, next, std::min(next + attention_split, keys[0].end));
    }
    run_split(level, args);
    for (std::uint32_t i = 0; i < n_merged; ++i) merge(level, state[merged[i]], later[merged[i]], value_dim);
  }
  for (std::uint32_t i = 0; i < n_queries; ++i) {
    const std::uint32_t number = first_query + i;
    write_out(state[i], value_dim,
              out_of(*args.rows, number / group, args.kv_head * group + number % group, value_dim));
  }
}

} // namespace

std::uint32_t attention_detail::slot_of(const attention_rows& rows, std::uint32_t row, std::uint32_t index) {
  if (rows.ancestor_begin == nullptr || index < rows.context) return index;
  const std::uint32_t step_key = rows.ancestor_begin[row] + (index - rows.context);
  return rows.context + (step_key < rows.ancestor_begin[row + 1] ? rows.ancestors[step_key] : row);
}

const std::byte* attention_detail::block_of(const kv_layer& layer, const attention_rows& rows, std::uint32_t slot) {
  return layer.base + rows.block_table[slot / layer.shape.block_size - rows.first_block] * layer.block_stride;
}

void attention(cpu_level level, const kv_layer& layer, const attention_params& params, const attention_rows& rows,
               std::uint32_t row_begin, std::uint32_t row_end, std::uint32_t kv_head_begin,
               std::uint32_t kv_head_end) {
  const kv_detail::kv_strides at = kv_detail::strides_of(layer.shape);
  const std::uint32_t group = params.heads / params.kv_heads;
  for (std::uint32_t kv_head = kv_head_begin; kv_head < kv_head_end; ++kv_head) {
    const split_args head = args_for(layer, at, params, rows, kv_head);
    for (std::uint32_t first = row_begin * group; first < row_end * group; first += queries_at(level))
      run_tile(level, head, first, std::min(queries_at(level), row_end * group - first), group);
  }
}

void attention_prefetch(const kv_layer& layer, const attention_params& params, const attention_rows& rows, std::uint32_t row, std::uint32_t kv_head) {
  const key_range keys = keys_of(params, rows, row);
  prefetch_keys(layer, kv_detail::strides_of(layer.shape), rows, params.kv_heads, kv_head, keys.begin,
                std::min(keys.end, (keys.begin / attention_split + 1) * attention_split));
}

std::uint32_t attention_splits(const attention_params& params, const attention_rows& rows, std::uint32_t row) {
  const key_range keys = keys_of(params, rows, row);
  return (keys.end - 1) / attention_split - keys.begin / attention_split + 1;
}

void attention_partial(cpu_level level, const kv_layer& layer, const attention_params& params,
                       const attention_rows& rows, std::uint32_t row, std::uint32_t kv_head, std::uint32_t split,
                       float* partial) {
  const kv_detail::kv_strides at = kv_detail::strides_of(layer.shape);
  const std::uint32_t group = params.heads / params.kv_heads;
  const key_range keys = keys_of(params, rows, row);
  query queries[tile_queries];
  split_args args = args_for(layer, at, params, rows, kv_head);
  args.first_key = (keys.begin / attention_split + split) * attention_split;
  args.queries = queries;
  const std::uint32_t begin = std::max(keys.begin, args.first_key);
  const std::uint32_t end = std::min(keys.end, args.first_key + attention_split);
  for (std::uint32_t first = 0; first < group; first += queries_at(level)) {
    args.n_queries = std::min(queries_at(level), group - first);
    for (std::uint32_t i = 0; i < args.n_queries; ++i)
      queries[i] = {row, kv_head * group + first + i, begin, end, partial + (first + i) * (args.value_dim + 2)};
    run_split(level, args);
  }
}

void attention_merge(cpu_level level, const kv_layer& layer, const attention_params& params, const attention_rows& rows,
                     std::uint32_t row, std::uint32_t kv_head, const float* partials) {
  const std::uint32_t value_dim = layer.shape.v_width / params.kv_heads;
  const std::uint32_t group = params.heads / params.kv_heads;
  const std::uint32_t splits = attention_splits(params, rows, row);
  alignas(64) float state[attention_max_head_dim + 2];
  for (std::uint32_t i = 0; i < group; ++i) {
    const float* partial = partials + static_cast<std::size_t>(i) * (value_dim + 2);
    std::memcpy(state, partial, (value_dim + 2) * sizeof(float));
    for (std::uint32_t split = 1; split < splits; ++split) {
      partial += static_cast<std::size_t>(group) * (value_dim + 2);
      merge(level, state, partial, value_dim);
    }
    write_out(state, value_dim, out_of(rows, row, kv_head * group + i, value_dim));
  }
}

} // namespace tokamak::kernels
