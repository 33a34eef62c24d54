// Scales of a packed tile, one type a scale_kind: walks along the scale records (layout.hpp) and adds the integer sums of
// each block of 32 values of k to f32 sums. Only for files built with AVX2; everything is local to the including file.
//
// Each has: `is_halves` (sums are multiplied by factor[0] and factor[1] while they are integers), next(b) to be called
// for each block in order, and add(products, x, acc) for one row of x.
#pragma once

#include <immintrin.h>

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {
namespace {

inline __m128i load128(const std::byte* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }

inline __m256 load_halves(const std::byte* from) { return _mm256_cvtph_ps(load128(from)); }

inline __m256 load_bytes(const std::byte* from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
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

inline __m256 add_scaled(__m256 d, __m256i products, const block_of_x& x, __m256 acc) {
  return _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(x.scale)), _mm256_cvtepi32_ps(products), acc);
}

template <int Offset>
struct scales_32 {
  static constexpr bool is_halves = false;
  const std::byte* at;
  __m256 d = {}, low = {};
  __m256i factor[2];

  explicit scales_32(const std::byte* tile) : at(tile) {}
  void next(std::size_t) {
    d = load_halves(at);
    low = _mm256_mul_ps(d, _mm256_set1_ps(-Offset));
    at += 2 * rows_avx2;
  }
  __m256 add(__m256i products, const block_of_x& x, __m256 acc) const {
    acc = add_scaled(d, products, x, acc);
    return Offset == 0 ? acc : _mm256_fmadd_ps(low, _mm256_set1_ps(x.sum), acc);
  }
};

struct scales_32_min {
  static constexpr bool is_halves = false;
  const std::byte* at;
  __m256 d = {}, m = {};
  __m256i factor[2];

  explicit scales_32_min(const std::byte* tile) : at(tile) {}
  void next(std::size_t) {
    d = load_halves(at);
    m = load_halves(at + 2 * rows_avx2);
    at += 4 * rows_avx2;
  }
  __m256 add(__m256i products, const block_of_x& x, __m256 acc) const {
    return _mm256_fmadd_ps(m, _mm256_set1_ps(x.sum), add_scaled(d, products, x, acc));
  }
};

struct scales_super_32_min {
  static constexpr bool is_halves = false;
  const std::byte* at;
  __m256 d = {}, m = {}, scale = {}, low = {};
  __m256i factor[2];

  explicit scales_super_32_min(const std::byte* tile) : at(tile) {}
  void next(std::size_t b) {
    if (b % 8 == 0) {
      d = load_halves(at);
      m = _mm256_xor_ps(load_halves(at + 2 * rows_avx2), _mm256_set1_ps(-0.0f));
      at += 4 * rows_avx2;
    }
    scale = _mm256_mul_ps(d, load_bytes(at));
    low = _mm256_mul_ps(m, load_bytes(at + rows_avx2));
    at += 2 * rows_avx2;
  }
  __m256 add(__m256i products, const block_of_x& x, __m256 acc) const {
    return _mm256_fmadd_ps(low, _mm256_set1_ps(x.sum), add_scaled(scale, products, x, acc));
  }
};

// [8 rows][2] 16-bit scales -> the first, or the second, of each row twice.
inline __m256i twice(__m256i pairs, int half) {
  const __m256i first = _mm256_set1_epi32(0x01000100), second = _mm256_set1_epi32(0x03020302);
  const __m256i in_lane = _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c, 0, 0x04040404, 0x08080808, 0x0c0c0c0c);
  return _mm256_shuffle_epi8(pairs, _mm256_add_epi8(half == 0 ? first : second, in_lane));
}

/// Offset is 2^Shift: the offset's part is the scales times the sums of x, one more pair of products.
template <int Shift>
struct scales_super_16 {
  static constexpr bool is_halves = true;
  const std::byte* at;
  __m256 d = {};
  __m256i offset = {}, factor[2];

  explicit scales_super_16(const std::byte* tile) : at(tile) {}
  void next(std::size_t b) {
    if (b % 8 == 0) {
      d = load_halves(at);
      at += 2 * rows_avx2;
    }
    const __m256i pairs = _mm256_cvtepi8_epi16(load128(at));
    offset = _mm256_slli_epi16(pairs, Shift);
    factor[0] = twice(pairs, 0);
    factor[1] = twice(pairs, 1);
    at += 2 * rows_avx2;
  }
  __m256 add(__m256i products, const block_of_x& x, __m256 acc) const {
    const __m256i low = _mm256_madd_epi16(offset, _mm256_set1_epi32(x.half_sums));
    return add_scaled(d, _mm256_sub_epi32(products, low), x, acc);
  }
};

struct scales_super_16_min {
  static constexpr bool is_halves = true;
  const std::byte* at;
  __m256 d = {}, m = {};
  __m256i minima = {}, factor[2];

  explicit scales_super_16_min(const std::byte* tile) : at(tile) {}
  void next(std::size_t b) {
    if (b % 8 == 0) {
      d = load_halves(at);
      m = _mm256_xor_ps(load_halves(at + 2 * rows_avx2), _mm256_set1_ps(-0.0f));
      at += 4 * rows_avx2;
    }
    const __m256i both = _mm256_cvtepu8_epi16(load128(at));
    const __m256i pairs = _mm256_and_si256(both, _mm256_set1_epi16(15));
    minima = _mm256_srli_epi16(both, 4);
    factor[0] = twice(pairs, 0);
    factor[1] = twice(pairs, 1);
    at += 2 * rows_avx2;
  }
  __m256 add(__m256i products, const block_of_x& x, __m256 acc) const {
    const __m256i low = _mm256_madd_epi16(minima, _mm256_set1_epi32(x.half_sums));
    return add_scaled(m, low, x, add_scaled(d, products, x, acc));
  }
};

} // namespace
} // namespace tokamak::kernels::matmul_detail
