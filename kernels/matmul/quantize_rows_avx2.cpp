// quantize_rows, 32 values at a time; the same bits as the reference.
#include <immintrin.h>

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

std::uint32_t largest_magnitude(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i all = _mm256_max_epu32(_mm256_max_epu32(a, b), _mm256_max_epu32(c, d));
  __m128i m = _mm_max_epu32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
  m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
  return static_cast<std::uint32_t>(_mm_cvtsi128_si32(m));
}

// Sums of all lanes of a and of b, in the lowest two lanes.
__m128i sums_of(__m256i a, __m256i b) {
  const __m256i pairs = _mm256_hadd_epi32(a, b), fours = _mm256_hadd_epi32(pairs, pairs);
  return _mm_add_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
}

void quantize_block(const float* x, const quantized_block& out) {
  const __m256i positive = _mm256_set1_epi32(0x7fffffff);
  const __m256 x0 = _mm256_loadu_ps(x), x1 = _mm256_loadu_ps(x + 8);
  const __m256 x2 = _mm256_loadu_ps(x + 16), x3 = _mm256_loadu_ps(x + 24);
  const std::uint32_t largest = largest_magnitude(
      _mm256_and_si256(_mm256_castps_si256(x0), positive), _mm256_and_si256(_mm256_castps_si256(x1), positive),
      _mm256_and_si256(_mm256_castps_si256(x2), positive), _mm256_and_si256(_mm256_castps_si256(x3), positive));
  const bool finite = largest < 0x7f800000u;
  if (largest < 0x0d800000u || !finite) { // below 2^-100, infinity or NaN
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.q), _mm256_setzero_si256());
    *out.scale = *out.sum = finite ? 0.0f : __builtin_nanf("");
    out.half_sums[0] = out.half_sums[1] = 0;
    return;
  }
  const float magnitude = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(largest))));
  const __m256 inverse = _mm256_set1_ps(127.0f / magnitude);
  const __m256i q0 = _mm256_cvtps_epi32(_mm256_mul_ps(x0, inverse)),
                q1 = _mm256_cvtps_epi32(_mm256_mul_ps(x1, inverse));
  const __m256i q2 = _mm256_cvtps_epi32(_mm256_mul_ps(x2, inverse)),
                q3 = _mm256_cvtps_epi32(_mm256_mul_ps(x3, inverse));
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(q0, q1), _mm256_packs_epi32(q2, q3));
  // Packing works within 128-bit halves: put the groups of four back in order.
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.q), _mm256_permutevar8x32_epi32(bytes, order));
  *out.scale = magnitude / 127.0f;
  const __m128i halves = sums_of(_mm256_add_epi32(q0, q1), _mm256_add_epi32(q2, q3));
  const int first = _mm_cvtsi128_si32(halves), second = _mm_extract_epi32(halves, 1);
  out.half_sums[0] = static_cast<std::int16_t>(first);
  out.half_sums[1] = static_cast<std::int16_t>(second);
  *out.sum = *out.scale * static_cast<float>(first + second);
}

} // namespace

void quantize_rows_avx2(const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                        const quantized_rows& out) {
  const std::size_t blocks = out.k / block;
  for (std::size_t t = row_begin; t < row_end; ++t)
    for (std::size_t b = 0; b < blocks; ++b)
      quantize_block(x + t * ldx + b * block, out.block(t, b));
}

} // namespace tokamak::kernels::matmul_detail
