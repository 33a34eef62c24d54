// A sequence with random K and V in scattered blocks, for attention tests.
#pragma once

#include <algorithm>
#include <numeric>

#include "test_data.hpp"
#include "tokamak/kernels/aligned_buffer.hpp"
#include "tokamak/kernels/attention.hpp"

namespace kernel_test {

struct attention_shape {
  std::uint32_t heads = 9, kv_heads = 3, head_dim = 64, value_dim = 64, block_size = 16;
  kv_type type = kv_type::f16;
};

/// `tokens` keys and queries. Blocks lie in random order in memory that is NaN where nothing was written.
struct paged_sequence {
  attention_shape shape;
  std::uint32_t tokens;
  std::vector<float> q, k, v; ///< [tokens, heads*head_dim], [tokens, kv_heads*head_dim], [tokens, kv_heads*value_dim]
  aligned_buffer memory;
  kv_layer layer;
  std::vector<std::uint32_t> table;

  paged_sequence(test_data& data, const attention_shape& shape, std::uint32_t tokens)
      : shape(shape), tokens(tokens), q(data.floats(tokens * shape.heads * shape.head_dim, 2)),
        k(data.floats(tokens * shape.kv_heads * shape.head_dim, 2)),
        v(data.floats(tokens * shape.kv_heads * shape.value_dim, 2)) {
    prepare(data);
    for (std::uint32_t t = 0; t < tokens; ++t) store(cpu_level::reference, t, t);
  }

  /// Writes token t's K and V into `slot`.
  void store(cpu_level level, std::uint32_t t, std::uint32_t slot) {
    kv_write(level, layer, k.data() + t * shape.kv_heads * shape.head_dim,
             v.data() + t * shape.kv_heads * shape.value_dim, table[slot / shape.block_size], slot % shape.block_size);
  }

  /// The same tokens in a cache with other blocks.
  paged_sequence with_blocks(test_data& data, std::uint32_t block_size) const {
    paged_sequence other(*this, block_size);
    other.prepare(data);
    for (std::uint32_t t = 0; t < tokens; ++t) other.store(cpu_level::reference, t, t);
    return other;
  }

  attention_params params() const {
    return {shape.heads, shape.kv_heads, 1.0f / std::sqrt(static_cast<float>(shape.head_dim)), 0, 0};
  }

  /// Rows [context, context + rows) of the sequence as one step; out is [rows, heads*value_dim].
  attention_rows step(std::uint32_t context, std::uint32_t rows, std::vector<float>& out) const {
    attention_rows step;
    step.ldq = shape.heads * shape.head_dim;
    step.q = q.data() + context * step.ldq;
    step.ldo = shape.heads * shape.value_dim;
    out.assign(rows * step.ldo, -77);
    step.out = out.data();
    step.rows = rows;
    step.context = context;
    step.block_table = table.data();
    return step;
  }

  std::vector<float> attend(cpu_level level, const attention_params& params, std::uint32_t context,
                            std::uint32_t rows) const {
    std::vector<float> out;
    attention(level, layer, params, step(context, rows, out), 0, rows, 0, shape.kv_heads);
    return out;
  }

private:
  paged_sequence(const paged_sequence& from, std::uint32_t block_size)
      : shape(from.shape), tokens(from.tokens), q(from.q), k(from.k), v(from.v) {
    shape.block_size = block_size;
  }

  void prepare(test_data& data) {
    const std::uint32_t blocks = tokens / shape.block_size + 2;
    layer.shape = {shape.block_size, shape.kv_heads * shape.head_dim, shape.kv_heads * shape.value_dim, shape.type};
    layer.block_stride = kv_block_bytes(layer.shape) + 64;
    memory = aligned_buffer(blocks * layer.block_stride);
    std::memset(memory.data(), 0xff, memory.size());
    layer.base = memory.data();
    table.resize(blocks);
    std::iota(table.begin(), table.end(), 0u);
    for (std::uint32_t i = blocks - 1; i > 0; --i) std::swap(table[i], table[data.below(i + 1)]);
  }
};

} // namespace kernel_test
