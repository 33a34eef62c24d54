// Memory of packed weights, and rows back from it.
#include <cstring>

#include "matmul/layout.hpp"
#include "matmul/pack_codes.hpp"

namespace tokamak::kernels {

namespace {

using matmul_detail::block;

constexpr std::size_t cache_line = 64;

std::size_t round_up(std::size_t bytes) { return (bytes + cache_line - 1) / cache_line * cache_line; }

// Blocks of 32 or 256 as the file has them, put together again from blocks of 32.
void unpack_codes(const packed_view& view, const std::byte* tile, std::size_t r, float* out) {
  const std::size_t weights = block_weights(view.format);
  const bool wide = scheme_of(view.format).kind == scale_kind::super_32_min;
  block_codes whole, part;
  for (std::size_t k = 0; k < view.k; k += weights) {
    for (std::size_t i = 0; i < weights; i += block) {
      matmul_detail::open_packed(view, tile, (k + i) / block, r, part);
      std::memcpy(whole.q + i, part.q, block);
      const std::size_t shared = wide ? 1 : 2; // scales of 32 weights
      std::memcpy(whole.scale + i / block * shared, part.scale, shared);
      std::memcpy(whole.min + i / block * shared, part.min, shared);
    }
    whole.d = part.d;
    whole.m = part.m;
    block_values(view.format, whole, out + k);
  }
}

} // namespace

std::string packed_matrix::check(weight_format format, std::size_t n, std::size_t k) {
  constexpr std::size_t limit = std::size_t{1} << 31;
  if (n == 0 || k == 0) return "a matrix of " + std::to_string(n) + " x " + std::to_string(k) + " is empty";
  if (n >= limit || k >= limit) return "a matrix of " + std::to_string(n) + " x " + std::to_string(k) + " is too large";
  if (k % block_weights(format) != 0)
    return std::string(format_name(format)) + " rows hold whole blocks of " + std::to_string(block_weights(format)) +
           " weights, not " + std::to_string(k);
  return {};
}

std::size_t packed_matrix::bytes_of(cpu_level level, weight_format format, std::size_t n, std::size_t k) {
  return packed_matrix(level, format, n, k, nullptr).bytes();
}

packed_matrix::packed_matrix(cpu_level level, weight_format format, std::size_t n, std::size_t k)
    : packed_matrix(level, format, n, k, nullptr) {
  storage_ = aligned_buffer(bytes());
  data_ = storage_.data();
  view_.data = data_;
}

packed_matrix::packed_matrix(cpu_level level, weight_format format, std::size_t n, std::size_t k, std::byte* memory)
    : data_(memory), level_(level) {
  view_.data = memory;
  view_.n = n;
  view_.k = k;
  view_.format = format;
  if (wants_quantized(format)) {
    const code_scheme scheme = scheme_of(format);
    const matmul_detail::scale_record record = matmul_detail::record_of(scheme.kind);
    view_.weights_at = round_up(k / record.weights * record.bytes());
    view_.tile_bytes = view_.weights_at + k / block * scheme.bits * matmul_detail::vector_bytes;
  } else {
    view_.tile_bytes = k * tile_rows * block_bytes(format);
  }
  view_.tile_bytes = round_up(view_.tile_bytes);
}

void packed_matrix::pack(const std::byte* src, std::size_t src_stride, std::size_t n_begin, std::size_t n_end) {
  const std::size_t element = block_bytes(view_.format);
  for (std::size_t n = n_begin; n < n_end; ++n, src += src_stride) {
    std::byte* const tile = data_ + n / tile_rows * view_.tile_bytes;
    const std::size_t r = n % tile_rows;
    if (wants_quantized(view_.format)) {
      matmul_detail::pack_row(view_, src, r, tile);
    } else {
      for (std::size_t k = 0; k < view_.k; ++k)
        std::memcpy(tile + (k * tile_rows + r) * element, src + k * element, element);
    }
  }
}

void packed_matrix::unpack_row(std::size_t n, float* out) const {
  const std::byte* const tile = view_.data + n / tile_rows * view_.tile_bytes;
  if (wants_quantized(view_.format)) {
    unpack_codes(view_, tile, n % tile_rows, out);
    return;
  }
  const std::size_t element = block_bytes(view_.format);
  for (std::size_t k = 0; k < view_.k; ++k)
    dequantize_row(view_.format, tile + (k * tile_rows + n % tile_rows) * element, 1, out + k);
}

} // namespace tokamak::kernels
