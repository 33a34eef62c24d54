// Eight floats at a time: exp, partial loads and stores, sums. Only for files built with AVX2; everything is local to
// the including file, so that no portable code can end up with these instructions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <immintrin.h>

namespace tokamak::kernels {
namespace {

alignas(32) const std::int32_t first_lanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

/// Mask of the first `count` lanes, 0..8.
inline __m256i lanes(std::size_t count) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first_lanes + 8 - count));
}

/// Sum of the lanes in one fixed order.
inline float sum_lanes(__m256 x) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)));
}

/// Largest lane; which NaN survives is not defined.
inline float max_lanes(__m256 x) {
  const __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 pair = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)));
}

/// exp(x) to about 2 units in the last place: 2^n * p(r), |r| <= ln2/2, p the minimax polynomial of Cephes (expf).
/// Below -87.3 it is 0, above 88.3 it stays at the largest power; NaN stays NaN.
inline __m256 exp8(__m256 x) {
  const __m256 low = _mm256_set1_ps(-87.3365f), high = _mm256_set1_ps(88.3762f);
  const __m256 not_tiny = _mm256_cmp_ps(x, low, _CMP_NLT_UQ);
  x = _mm256_max_ps(low, _mm256_min_ps(high, x));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504088896341f)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
  __m256 p = _mm256_set1_ps(1.9875691500e-4f);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1f));
  p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.0f)));
  const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_and_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(power)), not_tiny);
}

/// tanh(x) = 1 - 2 / (exp(2x) + 1), absolute error about 1e-7.
inline __m256 tanh8(__m256 x) {
  const __m256 one = _mm256_set1_ps(1.0f);
  const __m256 e = exp8(_mm256_add_ps(x, x));
  return _mm256_sub_ps(one, _mm256_div_ps(_mm256_set1_ps(2.0f), _mm256_add_ps(e, one)));
}

} // namespace
} // namespace tokamak::kernels
