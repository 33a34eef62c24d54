// Repacks weights at load into tiles of 8 interleaved rows (layout.hpp says which byte goes where).
#include <bit>
#include <cstring>

#include "matmul/layout.hpp"

namespace tokamak::kernels {

namespace {

using matmul_detail::block;

constexpr std::size_t cache_line = 64;

std::size_t round_up(std::size_t bytes) { return (bytes + cache_line - 1) / cache_line * cache_line; }

std::size_t scale_bytes(weight_format format) { return format == weight_format::q4_1 ? 4 : 2; }

// One row's blocks into row `r` of a tile.
void pack_blocks(const packed_view& view, const std::byte* row, std::size_t r, std::byte* tile) {
  const std::size_t scales = scale_bytes(view.format);
  const std::size_t quants = block_bytes(view.format) - scales;
  std::byte* weights = tile + view.weights_at;
  for (std::size_t b = 0; b < view.k / block; ++b, row += scales + quants, weights += quants * tile_rows) {
    for (std::size_t s = 0; s < scales; s += 2)
      std::memcpy(tile + b * scales * tile_rows + s * tile_rows + 2 * r, row + s, 2);
    for (std::size_t group = 0; group < quants / 4; ++group)
      std::memcpy(weights + (group * tile_rows + r) * 4, row + scales + group * 4, 4);
  }
}

void unpack_blocks(const packed_view& view, const std::byte* tile, std::size_t r, float* out) {
  const std::size_t scales = scale_bytes(view.format);
  const std::size_t quants = block_bytes(view.format) - scales;
  const std::byte* weights = tile + view.weights_at;
  std::byte one[block + 4];
  for (std::size_t b = 0; b < view.k / block; ++b, weights += quants * tile_rows) {
    for (std::size_t s = 0; s < scales; s += 2)
      std::memcpy(one + s, tile + b * scales * tile_rows + s * tile_rows + 2 * r, 2);
    for (std::size_t group = 0; group < quants / 4; ++group)
      std::memcpy(one + scales + group * 4, weights + (group * tile_rows + r) * 4, 4);
    dequantize_row(view.format, one, block, out + b * block);
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
    view_.weights_at = round_up(k / block * tile_rows * scale_bytes(format));
    view_.tile_bytes = view_.weights_at + k / block * tile_rows * (block_bytes(format) - scale_bytes(format));
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
      pack_blocks(view_, src, r, tile);
    } else {
      for (std::size_t k = 0; k < view_.k; ++k)
        std::memcpy(tile + (k * tile_rows + r) * element, src + k * element, element);
    }
  }
}

void packed_matrix::unpack_row(std::size_t n, float* out) const {
  const std::byte* const tile = view_.data + n / tile_rows * view_.tile_bytes;
  if (wants_quantized(view_.format)) {
    unpack_blocks(view_, tile, n % tile_rows, out);
    return;
  }
  const std::size_t element = block_bytes(view_.format);
  for (std::size_t k = 0; k < view_.k; ++k)
    dequantize_row(view_.format, tile + (k * tile_rows + n % tile_rows) * element, 1, out + k);
}

} // namespace tokamak::kernels
