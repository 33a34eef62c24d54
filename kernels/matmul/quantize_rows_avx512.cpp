// quantize_rows, up to 16 blocks of 32 values at a time, so that their two divisions each are one of vectors, which scalar divisions would wait
// for; the same bits as the reference.
#include <immintrin.h>

#include <algorithm>

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

constexpr std::size_t together = 16;

// What divides the values of up to 16 blocks, and what takes them back.
struct factors {
  alignas(64) float inverse[together];
  alignas(64) float scale[together]; ///< 0 or NaN where the block's q are zeros
  __mmask16 zeros;                   ///< blocks that are too small, or hold what is not finite
};

__m512i magnitudes(const float* x) { return _mm512_and_si512(_mm512_loadu_si512(x), _mm512_set1_epi32(0x7fffffff)); }

std::uint32_t largest_magnitude(const float* x) {
  return _mm512_reduce_max_epu32(_mm512_max_epu32(magnitudes(x), magnitudes(x + 16))); // as bits: NaN > infinity > finite
}

factors factors_of(const float* x, std::size_t blocks) {
  alignas(64) std::uint32_t largest[together] = {};
  for (std::size_t b = 0; b < blocks; ++b) largest[b] = largest_magnitude(x + b * block);
  const __m512i bits = _mm512_load_si512(largest);
  const __m512 magnitude = _mm512_castsi512_ps(bits), levels = _mm512_set1_ps(127.0f);
  const __mmask16 tiny = _mm512_cmplt_epu32_mask(bits, _mm512_set1_epi32(0x0d800000)); // 2^-100
  const __mmask16 not_finite = _mm512_cmpge_epu32_mask(bits, _mm512_set1_epi32(0x7f800000));
  factors all;
  all.zeros = tiny | not_finite;
  _mm512_store_ps(all.inverse, _mm512_div_ps(levels, magnitude));
  const __m512 scale = _mm512_mask_mov_ps(_mm512_div_ps(magnitude, levels), not_finite, _mm512_set1_ps(__builtin_nanf("")));
  _mm512_store_ps(all.scale, _mm512_mask_mov_ps(scale, tiny, _mm512_setzero_ps()));
  return all;
}

// Sums of the first and of the last 16 of 32 bytes, in lanes 0 and 4.
__m256i half_sums_of(__m256i q) {
  __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), q);
  sums = _mm256_add_epi32(sums, _mm256_shuffle_epi32(sums, 0x4e));
  return _mm256_add_epi32(sums, _mm256_shuffle_epi32(sums, 0xb1));
}

void quantize_block(const float* x, float inverse, float scale, const quantized_block& out) {
  const __m512 by = _mm512_set1_ps(inverse);
  const __m128i low = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), by)));
  const __m128i high = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), by)));
  const __m256i q = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.q), q);
  const __m256i sums = half_sums_of(q);
  const int first = _mm256_extract_epi32(sums, 0), second = _mm256_extract_epi32(sums, 4);
  out.half_sums[0] = static_cast<std::int16_t>(first);
  out.half_sums[1] = static_cast<std::int16_t>(second);
  *out.scale = scale;
  *out.sum = scale * static_cast<float>(first + second);
}

void zero_block(float scale, const quantized_block& out) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.q), _mm256_setzero_si256());
  out.half_sums[0] = out.half_sums[1] = 0;
  *out.scale = *out.sum = scale;
}

} // namespace

void quantize_rows_avx512(const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end, const quantized_rows& out) {
  const std::size_t blocks = out.k / block, next_block = out.group * quantized_rows::row_bytes;
  for (std::size_t t = row_begin; t < row_end; ++t) {
    const float* row = x + t * ldx;
    quantized_block to = out.block(t, 0);
    for (std::size_t b = 0; b < blocks; b += together) {
      const std::size_t count = std::min(together, blocks - b);
      const factors of = factors_of(row, count);
      for (std::size_t i = 0; i < count; ++i, row += block, to_next_block(to, next_block))
        (of.zeros >> i & 1) != 0 ? zero_block(of.scale[i], to) : quantize_block(row, of.inverse[i], of.scale[i], to);
    }
  }
}

} // namespace tokamak::kernels::matmul_detail
