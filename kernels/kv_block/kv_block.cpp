// Paged K/V memory: sizes, the plain write, and moving tokens between blocks and the canonical form.
#include <cstring>

#include "kv_block/layout.hpp"
#include "tokamak/kernels/weight_format.hpp"

namespace tokamak::kernels {

using kv_detail::kv_strides;

namespace {

constexpr std::size_t lane_count = 8;

std::size_t round_up(std::size_t value, std::size_t to) { return (value + to - 1) / to * to; }

std::size_t k_index(const kv_strides& at, std::size_t token) {
  return token / lane_count * at.k_group + token % lane_count;
}

std::size_t v_index(const kv_strides& at, std::size_t token) { return at.v_at + token * at.v_token; }

// Element-wise copy of K with independent strides on both sides.
template <class Element>
void copy_k(std::byte* dst, std::size_t dst_stride, const std::byte* src, std::size_t src_stride, std::size_t n) {
  for (std::size_t d = 0; d < n; ++d)
    std::memcpy(dst + d * dst_stride * sizeof(Element), src + d * src_stride * sizeof(Element), sizeof(Element));
}

void copy_k(std::size_t element, std::byte* dst, std::size_t dst_stride, const std::byte* src, std::size_t src_stride,
            std::size_t n) {
  if (element == 2)
    copy_k<std::uint16_t>(dst, dst_stride, src, src_stride, n);
  else
    copy_k<float>(dst, dst_stride, src, src_stride, n);
}

void copy_token(const kv_strides& at, const kv_shape& shape, const std::byte* src, std::uint32_t from, std::byte* dst,
                std::uint32_t to) {
  const std::size_t e = at.element_bytes;
  copy_k(e, dst + k_index(at, to) * e, lane_count, src + k_index(at, from) * e, lane_count, shape.k_width);
  std::memmove(dst + v_index(at, to) * e, src + v_index(at, from) * e, shape.v_width * e);
}

std::byte* block_at(const kv_layer& layer, std::uint32_t block) { return layer.base + block * layer.block_stride; }

} // namespace

kv_strides kv_detail::strides_of(const kv_shape& shape) {
  kv_strides at{};
  at.element_bytes = shape.type == kv_type::f16 ? 2 : 4;
  at.k_group = lane_count * shape.k_width;
  at.v_at = round_up(shape.block_size, lane_count) * shape.k_width;
  at.v_token = round_up(shape.v_width, lane_count);
  at.elements = at.v_at + at.v_token * shape.block_size + lane_count;
  return at;
}

std::size_t kv_block_bytes(const kv_shape& shape) {
  const kv_strides at = kv_detail::strides_of(shape);
  return round_up(at.elements * at.element_bytes, 64);
}

void kv_detail::write_reference(const kv_strides& at, kv_type type, std::byte* block, std::uint32_t token, const kv_part& part) {
  const auto put = [&](std::size_t index, float value) {
    if (type == kv_type::f32) {
      std::memcpy(block + index * sizeof(float), &value, sizeof(float));
    } else {
      const std::uint16_t half = f32_to_f16(value);
      std::memcpy(block + index * sizeof(half), &half, sizeof(half));
    }
  };
  for (std::size_t c = 0; c < part.k_count; ++c) put(k_index(at, token) + (part.k_begin + c) * lane_count, part.k[c]);
  for (std::size_t c = 0; c < part.v_count; ++c) put(v_index(at, token) + part.v_begin + c, part.v[c]);
}

void kv_write(cpu_level level, const kv_layer& layer, const float* k, const float* v, std::uint32_t block,
              std::uint32_t offset) {
  kv_write_heads(level, layer, 1, 0, 1, k, v, block, offset);
}

void kv_write_heads(cpu_level level, const kv_layer& layer, std::uint32_t heads, std::uint32_t head_begin, std::uint32_t head_end, const float* k,
                    const float* v, std::uint32_t block, std::uint32_t offset) {
  const kv_strides at = kv_detail::strides_of(layer.shape);
  const std::size_t k_head = layer.shape.k_width / heads, v_head = layer.shape.v_width / heads, n = head_end - head_begin;
  const kv_detail::kv_part part{k, v, head_begin * k_head, n * k_head, head_begin * v_head, n * v_head};
#if defined(TOKAMAK_KERNELS_X86)
  if (level >= cpu_level::avx2) return kv_detail::write_avx2(at, layer.shape.type, block_at(layer, block), offset, part);
#endif
  (void)level;
  kv_detail::write_reference(at, layer.shape.type, block_at(layer, block), offset, part);
}

void kv_copy(const kv_layer& layer, std::uint32_t src, std::uint32_t src_offset, std::uint32_t dst,
             std::uint32_t dst_offset, std::uint32_t count) {
  const kv_strides at = kv_detail::strides_of(layer.shape);
  if (src == dst && src_offset == dst_offset) return;
  if (src_offset == 0 && dst_offset == 0 && count == layer.shape.block_size) {
    std::memcpy(block_at(layer, dst), block_at(layer, src), at.elements * at.element_bytes);
    return;
  }
  const bool backwards = src == dst && dst_offset > src_offset; // so that no token is overwritten before it is read
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t token = backwards ? count - 1 - i : i;
    copy_token(at, layer.shape, block_at(layer, src), src_offset + token, block_at(layer, dst), dst_offset + token);
  }
}

void kv_export(const kv_layer& layer, std::uint32_t block, std::uint32_t offset, std::uint32_t count, std::byte* k_out,
               std::byte* v_out) {
  const kv_strides at = kv_detail::strides_of(layer.shape);
  const kv_shape& shape = layer.shape;
  const std::size_t e = at.element_bytes;
  const std::byte* const from = block_at(layer, block);
  for (std::uint32_t token = offset; token < offset + count; ++token) {
    copy_k(e, k_out, 1, from + k_index(at, token) * e, lane_count, shape.k_width);
    std::memcpy(v_out, from + v_index(at, token) * e, shape.v_width * e);
    k_out += shape.k_width * e;
    v_out += shape.v_width * e;
  }
}

void kv_import(const kv_layer& layer, std::uint32_t block, std::uint32_t offset, std::uint32_t count,
               const std::byte* k_in, const std::byte* v_in) {
  const kv_strides at = kv_detail::strides_of(layer.shape);
  const kv_shape& shape = layer.shape;
  const std::size_t e = at.element_bytes;
  std::byte* const to = block_at(layer, block);
  for (std::uint32_t token = offset; token < offset + count; ++token) {
    copy_k(e, to + k_index(at, token) * e, lane_count, k_in, 1, shape.k_width);
    std::memcpy(to + v_index(at, token) * e, v_in, shape.v_width * e);
    k_in += shape.k_width * e;
    v_in += shape.v_width * e;
  }
}

} // namespace tokamak::kernels
