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

/// kv_write into the block at `block`.
void write_reference(const kv_strides& at, const kv_shape& shape, std::byte* block, std::uint32_t token,
                     const float* k, const float* v);
void write_avx2(const kv_strides& at, const kv_shape& shape, std::byte* block, std::uint32_t token, const float* k,
                const float* v);

} // namespace tokamak::kernels::kv_detail
