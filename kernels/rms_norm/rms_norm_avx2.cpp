// rms_norm of one row: four sums of eight lanes, added in a fixed order that depends on n only.
#include "avx2/vector_math.hpp"
#include "rms_norm/levels.hpp"

namespace tokamak::kernels::rms_norm_detail {

namespace {

float sum_of_squares(const float* x, std::size_t n) {
  __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (int j = 0; j < 4; ++j) {
      const __m256 v = _mm256_loadu_ps(x + i + 8 * j);
      sums[j] = _mm256_fmadd_ps(v, v, sums[j]);
    }
  }
  for (; i < n; i += 8) {
    const __m256 v = _mm256_maskload_ps(x + i, lanes(n - i < 8 ? n - i : 8));
    sums[0] = _mm256_fmadd_ps(v, v, sums[0]);
  }
  return sum_lanes(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
}

} // namespace

void row_avx2(const float* x, const float* weight, float eps, float* y, std::size_t n) {
  const float mean = sum_of_squares(x, n) / static_cast<float>(n);
  const __m256 factor = _mm256_set1_ps(1.0f / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(mean + eps))));
  for (std::size_t i = 0; i < n; i += 8) {
    const __m256i mask = lanes(n - i < 8 ? n - i : 8);
    __m256 v = _mm256_mul_ps(_mm256_maskload_ps(x + i, mask), factor);
    if (weight != nullptr) v = _mm256_mul_ps(v, _mm256_maskload_ps(weight + i, mask));
    _mm256_maskstore_ps(y + i, mask, v);
  }
}

} // namespace tokamak::kernels::rms_norm_detail
