// Rotations of one head, four or eight pairs at a time.
#include <immintrin.h>

#include "rope/levels.hpp"

namespace tokamak::kernels::rope_detail {

namespace {

// a, b, c, d -> a, a, b, b, c, c, d, d
__m256 each_twice(const float* four) {
  const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
  return _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(four)), twice);
}

} // namespace

void interleaved_avx2(float* x, const float* cosines, const float* sines, std::size_t n_rot) {
  std::size_t i = 0;
  for (; i + 8 <= n_rot; i += 8) {
    const __m256 pairs = _mm256_loadu_ps(x + i);
    const __m256 swapped = _mm256_mul_ps(_mm256_permute_ps(pairs, 0xb1), each_twice(sines + i / 2));
    _mm256_storeu_ps(x + i, _mm256_fmaddsub_ps(pairs, each_twice(cosines + i / 2), swapped));
  }
  interleaved_reference(x + i, cosines + i / 2, sines + i / 2, n_rot - i);
}

void halves_avx2(float* x, const float* cosines, const float* sines, std::size_t n_rot) {
  const std::size_t half = n_rot / 2;
  std::size_t i = 0;
  for (; i + 8 <= half; i += 8) {
    const __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + half + i);
    const __m256 c = _mm256_loadu_ps(cosines + i), s = _mm256_loadu_ps(sines + i);
    _mm256_storeu_ps(x + i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
    _mm256_storeu_ps(x + half + i, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
  }
  for (; i < half; ++i) {
    const float a = x[i], b = x[half + i];
    x[i] = a * cosines[i] - b * sines[i];
    x[half + i] = a * sines[i] + b * cosines[i];
  }
}

} // namespace tokamak::kernels::rope_detail
