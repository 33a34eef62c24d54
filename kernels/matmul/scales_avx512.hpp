// Scales of a packed tile, one type a scale_kind: walks along the scale records (layout.hpp) and adds the integer sums of
// each block of 32 values of k to f32 sums. Only for files built with AVX-512 and VNNI; everything is local to the
// including file.
//
// Each has: `parts` (integer sums of a block: one of all 32 products, or one of each 16), next(b) to be called for each block in
// order, and add(sums of the parts, x, acc) for one row of x.
#pragma once

#include <immintrin.h>

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {
namespace {

inline __m256i load256(const std::byte* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

inline __m512 load_halves(const std::byte* from) { return _mm512_cvtph_ps(load256(from)); }

inline __m512 negative(__m512 x) { return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(x), _mm512_set1_epi32(INT32_MIN))); }

inline __m512 load_bytes(const std::byte* from) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}

/// What a block of one row of x has besides its int8 values.
struct block_of_x {
  float scale, sum;
  int half_sums; ///< two of 16 bits

  /// `first`: of the first row; the block's values for other rows are its neighbours.
  block_of_x(const quantized_block& first, int row) : scale(first.scale[row]), sum(first.sum[row]) {
    __builtin_memcpy(&half_sums, first.half_sums + 2 * row, sizeof(half_sums));
  }
};

inline __m512 add_scaled(__m512 d, __m512 products, const block_of_x& x, __m512 acc) {
  return _mm512_fmadd_ps(_mm512_mul_ps(d, _mm512_set1_ps(x.scale)), products, acc);
}

inline __m512 add_sum(__m512 low, const block_of_x& x, __m512 acc) { return _mm512_fmadd_ps(low, _mm512_set1_ps(x.sum), acc); }

template <int Offset>
struct scales_32 {
  static constexpr int parts = 1;
  const std::byte* at;
  __m512 d = {}, low = {};

  explicit scales_32(const std::byte* tile) : at(tile) {}
  void next(std::size_t) {
    d = load_halves(at);
    low = _mm512_mul_ps(d, _mm512_set1_ps(-Offset));
    at += 2 * rows_avx512;
  }
  __m512 add(const __m512i* sums, const block_of_x& x, __m512 acc) const {
    acc = add_scaled(d, _mm512_cvtepi32_ps(sums[0]), x, acc);
    return Offset == 0 ? acc : add_sum(low, x, acc);
  }
};

struct scales_32_min {
  static constexpr int parts = 1;
  const std::byte* at;
  __m512 d = {}, m = {};

  explicit scales_32_min(const std::byte* tile) : at(tile) {}
  void next(std::size_t) {
    d = load_halves(at);
    m = load_halves(at + 2 * rows_avx512);
    at += 4 * rows_avx512;
  }
  __m512 add(const __m512i* sums, const block_of_x& x, __m512 acc) const {
    return add_sum(m, x, add_scaled(d, _mm512_cvtepi32_ps(sums[0]), x, acc));
  }
};

struct scales_super_32_min {
  static constexpr int parts = 1;
  const std::byte* at;
  __m512 d = {}, m = {}, scale = {}, low = {};

  explicit scales_super_32_min(const std::byte* tile) : at(tile) {}
  void next(std::size_t b) {
    if (b % 8 == 0) {
      d = load_halves(at);
      m = negative(load_halves(at + 2 * rows_avx512));
      at += 4 * rows_avx512;
    }
    scale = _mm512_mul_ps(d, load_bytes(at));
    low = _mm512_mul_ps(m, load_bytes(at + rows_avx512));
    at += 2 * rows_avx512;
  }
  __m512 add(const __m512i* sums, const block_of_x& x, __m512 acc) const {
    return add_sum(low, x, add_scaled(scale, _mm512_cvtepi32_ps(sums[0]), x, acc));
  }
};

// Scales of both halves times their sums. Products and their sum are whole numbers below 2^24, so f32 holds them as they are, and
// takes less time for it than 32-bit integers.
struct halves {
  __m512 first, second;

  __m512 times(const __m512i* sums) const {
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[1]), second, _mm512_mul_ps(_mm512_cvtepi32_ps(sums[0]), first));
  }
};

/// The offset must be in the sums already. Then they are at most 16 * 32 * 127 (q6_k), so twice that times a scale of 128 is below 2^24.
struct scales_super_16 {
  static constexpr int parts = 2;
  const std::byte* at;
  __m512 d = {};
  halves scale = {};

  explicit scales_super_16(const std::byte* tile) : at(tile) {}
  void next(std::size_t b) {
    if (b % 8 == 0) {
      d = load_halves(at);
      at += 2 * rows_avx512;
    }
    const __m512i pairs = _mm512_cvtepi8_epi16(load256(at)); // [16 rows][2]
    scale = {_mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(pairs, 16), 16)), _mm512_cvtepi32_ps(_mm512_srai_epi32(pairs, 16))};
    at += 2 * rows_avx512;
  }
  __m512 add(const __m512i* sums, const block_of_x& x, __m512 acc) const { return add_scaled(d, scale.times(sums), x, acc); }
};

struct scales_super_16_min {
  static constexpr int parts = 2;
  const std::byte* at;
  __m512 d = {}, m = {};
  halves scale = {};
  __m512i minima = {};

  explicit scales_super_16_min(const std::byte* tile) : at(tile) {}
  void next(std::size_t b) {
    if (b % 8 == 0) {
      d = load_halves(at);
      m = negative(load_halves(at + 2 * rows_avx512));
      at += 4 * rows_avx512;
    }
    const __m512i both = _mm512_cvtepu8_epi16(load256(at)); // [16 rows][2]
    const __m512i four_bits = _mm512_set1_epi32(15);
    scale = {_mm512_cvtepi32_ps(_mm512_and_si512(both, four_bits)), _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(both, 16), four_bits))};
    minima = _mm512_srli_epi16(both, 4);
    at += 2 * rows_avx512;
  }
  __m512 add(const __m512i* sums, const block_of_x& x, __m512 acc) const {
    const __m512i low = _mm512_dpwssd_epi32(_mm512_setzero_si512(), minima, _mm512_set1_epi32(x.half_sums));
    return add_scaled(m, _mm512_cvtepi32_ps(low), x, add_scaled(d, scale.times(sums), x, acc));
  }
};

} // namespace
} // namespace tokamak::kernels::matmul_detail
