// Paged K/V memory of one attention layer: blocks of `block_size` tokens, and moving tokens in, out and between them.
//
// A block holds K, then V. K is transposed in groups of 8 tokens, [token/8][k_width][8], so that one load serves 8
// tokens' scores; V is [token][v_width rounded up to 8], so that one load serves 8 output values. Neither depends on
// how a token's values are divided into heads: attention says that.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tokamak/kernels/cpu_level.hpp"

namespace tokamak::kernels {

enum class kv_type : std::uint8_t { f16, f32 };

/// Shape of a layer's blocks. All sizes at least 1.
struct kv_shape {
  std::uint32_t block_size = 0; ///< tokens in a block
  std::uint32_t k_width = 0;    ///< elements of a token's K: kv_heads * head_dim
  std::uint32_t v_width = 0;    ///< elements of a token's V
  kv_type type = kv_type::f16;
};

/// Bytes of one block (K and V of one layer), a multiple of 64.
std::size_t kv_block_bytes(const kv_shape& shape);

/// One layer's memory: block b begins at base + b*block_stride. A view; REQUIRES: base 64-byte aligned, block_stride a
/// multiple of 64 and at least kv_block_bytes.
struct kv_layer {
  std::byte* base = nullptr;
  std::size_t block_stride = 0;
  kv_shape shape;
};

/// Stores k[k_width] and v[v_width] of one token at `offset` (0..block_size-1) of `block`, rounded to the layer's type.
/// Different slots may be written at once.
void kv_write(cpu_level level, const kv_layer& layer, const float* k, const float* v, std::uint32_t block,
              std::uint32_t offset);

/// The same for kv heads [head_begin, head_end) of `heads` equal parts of K and of V; k and v are those of the first of them. Different
/// heads of one slot may be written at once.
void kv_write_heads(cpu_level level, const kv_layer& layer, std::uint32_t heads, std::uint32_t head_begin, std::uint32_t head_end, const float* k,
                    const float* v, std::uint32_t block, std::uint32_t offset);

/// Copies `count` tokens from offset src_offset of block src to dst_offset of dst, bits unchanged, as if all were read
/// before any is written. REQUIRES: both ranges inside their block.
void kv_copy(const kv_layer& layer, std::uint32_t src, std::uint32_t src_offset, std::uint32_t dst,
             std::uint32_t dst_offset, std::uint32_t count);

/// Canonical form of tokens: for K [count][k_width] values of the layer's type; for V [count][v_width]. Export
/// followed by import gives the same bits on any machine and level.
void kv_export(const kv_layer& layer, std::uint32_t block, std::uint32_t offset, std::uint32_t count, std::byte* k_out,
               std::byte* v_out);
void kv_import(const kv_layer& layer, std::uint32_t block, std::uint32_t offset, std::uint32_t count,
               const std::byte* k_in, const std::byte* v_in);

} // namespace tokamak::kernels
