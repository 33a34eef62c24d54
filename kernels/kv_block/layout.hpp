// Where K and V of a token lie inside a block, in elements; one place for every level.
#pragma once

#include "tokamak/kernels/kv_block.hpp"

namespace tokamak::kernels::kv_detail {

/// K element (token, c) is at token/8*k_group + c*8 + token%8; V element (token, c) at v_at + token*v_token + c. Eight
/// elements may be read from any V element on: the block ends with room for that.
struct kv_strides {
  std::size_t k_group;
  std::size_t v_at, v_token;
  std::size_t elements; ///< of a block
  std::size_t element_bytes;
};
kv_strides strides_of(const kv_shape& shape);

/// Elements of a token that are written: K [k_begin, k_begin + k_count) from k, and V likewise.
struct kv_part {
  const float *k, *v;
  std::size_t k_begin, k_count, v_begin, v_count;
};

/// kv_write into the block at `block`.
void write_reference(const kv_strides& at, kv_type type, std::byte* block, std::uint32_t token, const kv_part& part);
void write_avx2(const kv_strides& at, kv_type type, std::byte* block, std::uint32_t token, const kv_part& part);

} // namespace tokamak::kernels::kv_detail
