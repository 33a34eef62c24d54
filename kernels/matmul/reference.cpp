// matmul and quantize_rows, plain: the arithmetic that tokamak/kernels/matmul.hpp states, one output at a time.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

// sum_i of 16 or 32 products; c[i] is the code less `offset`, int8 or from the table.
int dot_codes(const code_scheme& scheme, int offset, const std::uint8_t* q, const std::int8_t* x, std::size_t count) {
  int sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const int value = scheme.is_table ? iq4_nl_values[q[i]] : scheme.bits == 8 ? static_cast<std::int8_t>(q[i]) : q[i];
    sum += (value - offset) * x[i];
  }
  return sum;
}

// One block of 32 values of k onto `acc`; the arithmetic that tokamak/kernels/matmul.hpp states.
float add_block(const code_scheme& scheme, const block_codes& w, const quantized_block& x, float acc) {
  const std::int8_t* const q = x.q;
  const float d = f16_to_f32(w.d), m = f16_to_f32(w.m), dx = *x.scale, sx = *x.sum;
  const bool is_super_16 = scheme.kind == scale_kind::super_16 || scheme.kind == scale_kind::super_16_min;
  if (is_super_16) {
    int products = 0, minima = 0;
    for (int half = 0; half < 2; ++half) {
      products += w.scale[half] * dot_codes(scheme, scheme.offset, w.q + 16 * half, q + 16 * half, 16);
      minima += w.min[half] * x.half_sums[half];
    }
    acc = (d * dx) * static_cast<float>(products) + acc;
    return scheme.kind == scale_kind::super_16 ? acc : (m * -dx) * static_cast<float>(minima) + acc;
  }
  const bool is_super = scheme.kind == scale_kind::super_32_min;
  const float scale = is_super ? d * static_cast<float>(w.scale[0]) : d;
  acc = (scale * dx) * static_cast<float>(dot_codes(scheme, 0, w.q, q, block)) + acc;
  if (scheme.offset != 0) acc = (d * -static_cast<float>(scheme.offset)) * sx + acc;
  if (scheme.kind == scale_kind::per_32_min) acc = m * sx + acc;
  if (is_super) acc = (m * -static_cast<float>(w.min[0])) * sx + acc;
  return acc;
}

float dot_blocks(const packed_view& w, const std::byte* tile, std::size_t r, const quantized_rows& x, std::size_t t) {
  const code_scheme scheme = scheme_of(w.format);
  const std::size_t blocks = w.k / block;
  block_codes codes;
  float acc = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    open_packed(w, tile, b, r, codes);
    acc = add_block(scheme, codes, x.block(t, b), acc);
  }
  return acc;
}

float dot_floats(const packed_view& w, const std::byte* tile, std::size_t r, const float* x) {
  const std::size_t element = block_bytes(w.format);
  float acc = 0;
  for (std::size_t k = 0; k < w.k; ++k) {
    float weight = 0;
    dequantize_row(w.format, tile + (k * w.tile_rows + r) * element, 1, &weight);
    acc = weight * x[k] + acc;
  }
  return acc;
}

void quantize_block(const float* x, const quantized_block& out) {
  std::uint32_t largest = 0; // as bits, where NaN > infinity > finite
  for (std::size_t i = 0; i < block; ++i)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(x[i]) & 0x7fffffffu);
  const float magnitude = std::bit_cast<float>(largest);
  if (!(magnitude >= 0x1p-100f) || !std::isfinite(magnitude)) {
    std::memset(out.q, 0, block);
    *out.scale = *out.sum = std::isfinite(magnitude) ? 0.0f : std::numeric_limits<float>::quiet_NaN();
    out.half_sums[0] = out.half_sums[1] = 0;
    return;
  }
  const float inverse = 127.0f / magnitude;
  int halves[2] = {0, 0};
  for (std::size_t i = 0; i < block; ++i) {
    out.q[i] = static_cast<std::int8_t>(std::nearbyint(x[i] * inverse));
    halves[i / 16] += out.q[i];
  }
  for (int half = 0; half < 2; ++half) out.half_sums[half] = static_cast<std::int16_t>(halves[half]);
  *out.scale = magnitude / 127.0f;
  *out.sum = *out.scale * static_cast<float>(halves[0] + halves[1]);
}

} // namespace

void quantize_rows_reference(const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                             const quantized_rows& out) {
  const std::size_t blocks = out.k / block;
  for (std::size_t t = row_begin; t < row_end; ++t)
    for (std::size_t b = 0; b < blocks; ++b)
      quantize_block(x + t * ldx + b * block, out.block(t, b));
}

void matmul_reference(const packed_view& w, const matmul_input& x, const output_range& range) {
  const bool quantized = wants_quantized(w.format);
  for (std::size_t t = range.row_begin; t < range.row_end; ++t) {
    for (std::size_t n = range.n_begin; n < range.n_end; ++n) {
      const std::byte* const tile = w.data + n / w.tile_rows * w.tile_bytes;
      const std::size_t r = n % w.tile_rows;
      range.y[t * range.ldy + n] =
          quantized ? dot_blocks(w, tile, r, x.q8, t) : dot_floats(w, tile, r, x.f32 + t * x.ld);
    }
  }
}

} // namespace tokamak::kernels::matmul_detail
