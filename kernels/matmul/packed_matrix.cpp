// Memory of packed weights, and rows back from it.
#include <algorithm>
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

// Rows of plain weights into a tile, [k][tile_rows]; absent rows stay as they are.
template <class Weight>
void interleave(const std::byte* rows, std::size_t stride, std::size_t n, std::size_t k, std::size_t tile_rows, std::byte* tile) {
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t r = 0; r < n; ++r)
      std::memcpy(tile + (i * tile_rows + r) * sizeof(Weight), rows + r * stride + i * sizeof(Weight), sizeof(Weight));
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
  view_.tile_rows = level == cpu_level::avx512 ? matmul_detail::rows_avx512 : matmul_detail::rows_avx2;
  if (wants_quantized(format)) {
    const code_scheme scheme = scheme_of(format);
    const matmul_detail::scale_record record = matmul_detail::record_of(scheme.kind, view_.tile_rows);
    view_.weights_at = round_up(k / record.weights * record.bytes());
    view_.tile_bytes = view_.weights_at + k / block * scheme.bits * matmul_detail::vector_bytes(view_.tile_rows);
  } else {
    view_.tile_bytes = k * view_.tile_rows * block_bytes(format);
  }
  view_.tile_bytes = round_up(view_.tile_bytes);
}

void packed_matrix::pack(const std::byte* src, std::size_t src_stride, std::size_t n_begin, std::size_t n_end) {
  const std::size_t tile_rows = view_.tile_rows;
  for (std::size_t n = n_begin; n < n_end; n += tile_rows) {
    std::byte* const tile = data_ + n / tile_rows * view_.tile_bytes;
    const std::size_t rows = std::min(tile_rows, n_end - n);
    if (view_.format == weight_format::f32)
      interleave<std::uint32_t>(src, src_stride, rows, view_.k, tile_rows, tile);
    else if (!wants_quantized(view_.format))
      interleave<std::uint16_t>(src, src_stride, rows, view_.k, tile_rows, tile);
    else
      for (std::size_t r = 0; r < rows; ++r) matmul_detail::pack_row(view_, src + r * src_stride, r, tile);
    src += rows * src_stride;
  }
}

void packed_matrix::unpack_row(std::size_t n, float* out) const {
  const std::size_t tile_rows = view_.tile_rows;
  const std::byte* const tile = view_.data + n / tile_rows * view_.tile_bytes;
  if (wants_quantized(view_.format)) {
    unpack_codes(view_, tile, n % tile_rows, out);
    return;
  }
  const std::size_t element = block_bytes(view_.format);
  std::byte row[64 * sizeof(float)];
  for (std::size_t k = 0; k < view_.k; k += 64) {
    const std::size_t count = std::min<std::size_t>(64, view_.k - k);
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(row + i * element, tile + ((k + i) * tile_rows + n % tile_rows) * element, element);
    dequantize_row(view_.format, row, count, out + k);
  }
}

} // namespace tokamak::kernels
