// matmul and quantize_rows, plain: the arithmetic that tokamak/kernels/matmul.hpp states, one output at a time.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// q of weight i (0..31) of block b, row r of the tile: int8, or the nibble.
int quant_at(const packed_view& w, const std::byte* tile, std::size_t b, std::size_t r, std::size_t i) {
  const std::byte* const weights = tile + w.weights_at;
  if (w.format == weight_format::q8_0)
    return load<std::int8_t>(weights + b * block * tile_rows + (i / 4 * tile_rows + r) * 4 + i % 4);
  const std::size_t low = i % 16;
  const int pair = load<std::uint8_t>(weights + b * (block / 2) * tile_rows + (low / 4 * tile_rows + r) * 4 + low % 4);
  return i < 16 ? pair & 15 : pair >> 4;
}

float dot_blocks(const packed_view& w, const std::byte* tile, std::size_t r, const quantized_rows& x, std::size_t t) {
  const std::size_t blocks = w.k / block;
  const std::size_t scales = w.format == weight_format::q4_1 ? 4 : 2;
  float acc = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    int products = 0;
    for (std::size_t i = 0; i < block; ++i) products += quant_at(w, tile, b, r, i) * x.q[t * w.k + b * block + i];
    const std::byte* const scale = tile + b * scales * tile_rows + 2 * r;
    const float d = f16_to_f32(load<std::uint16_t>(scale));
    acc = (d * x.scale[t * blocks + b]) * static_cast<float>(products) + acc;
    if (w.format == weight_format::q4_0) acc = (d * -8.0f) * x.sum[t * blocks + b] + acc;
    if (w.format == weight_format::q4_1)
      acc = f16_to_f32(load<std::uint16_t>(scale + 2 * tile_rows)) * x.sum[t * blocks + b] + acc;
  }
  return acc;
}

float dot_floats(const packed_view& w, const std::byte* tile, std::size_t r, const float* x) {
  const std::size_t element = block_bytes(w.format);
  float acc = 0;
  for (std::size_t k = 0; k < w.k; ++k) {
    float weight = 0;
    dequantize_row(w.format, tile + (k * tile_rows + r) * element, 1, &weight);
    acc = weight * x[k] + acc;
  }
  return acc;
}

void quantize_block(const float* x, std::int8_t* q, float* scale, float* sum) {
  std::uint32_t largest = 0; // as bits, where NaN > infinity > finite
  for (std::size_t i = 0; i < block; ++i)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu);
  const float magnitude = std::bit_cast<float>(largest);
  if (!(magnitude >= 0x1p-100f) || !std::isfinite(magnitude)) {
    std::memset(q, 0, block);
    *scale = *sum = std::isfinite(magnitude) ? 0.0f : std::numeric_limits<float>::quiet_NaN();
    return;
  }
  const float inverse = 127.0f / magnitude;
  int total = 0;
  for (std::size_t i = 0; i < block; ++i) {
    q[i] = static_cast<std::int8_t>(std::nearbyint(x[i] * inverse));
    total += q[i];
  }
  *scale = magnitude / 127.0f;
  *sum = *scale * static_cast<float>(total);
}

} // namespace

void quantize_rows_reference(const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                             const quantized_rows& out) {
  const std::size_t blocks = out.k / block;
  for (std::size_t t = row_begin; t < row_end; ++t)
    for (std::size_t b = 0; b < blocks; ++b)
      quantize_block(x + t * ldx + b * block, out.q + t * out.k + b * block, out.scale + t * blocks + b,
                     out.sum + t * blocks + b);
}

void matmul_reference(const packed_view& w, const matmul_input& x, const output_range& range) {
  const bool quantized = wants_quantized(w.format);
  for (std::size_t t = range.row_begin; t < range.row_end; ++t) {
    for (std::size_t n = range.n_begin; n < range.n_end; ++n) {
      const std::byte* const tile = w.data + n / tile_rows * w.tile_bytes;
      const std::size_t r = n % tile_rows;
      range.y[t * range.ldy + n] =
          quantized ? dot_blocks(w, tile, r, x.q8, t) : dot_floats(w, tile, r, x.f32 + t * x.ld);
    }
  }
}

} // namespace tokamak::kernels::matmul_detail
