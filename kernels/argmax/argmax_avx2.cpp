// Four vectors of maxima, so that none waits for the one before.
#include "argmax/levels.hpp"
#include "avx2/vector_math.hpp"

namespace tokamak::kernels::argmax_detail {

float largest_avx2(const float* x, std::size_t n) {
  const __m256 none = _mm256_set1_ps(-__builtin_inff());
  __m256 best[4] = {none, none, none, none};
  std::size_t i = 0;
  for (; i + 32 <= n; i += 32)
    for (int j = 0; j < 4; ++j) best[j] = _mm256_max_ps(_mm256_loadu_ps(x + i + 8 * j), best[j]); // the second operand where the first is NaN
  for (; i < n; i += 8) {
    const __m256i mask = lanes(n - i < 8 ? n - i : 8);
    const __m256 v = _mm256_blendv_ps(none, _mm256_maskload_ps(x + i, mask), _mm256_castsi256_ps(mask));
    best[0] = _mm256_max_ps(v, best[0]);
  }
  const __m256 all = _mm256_max_ps(_mm256_max_ps(best[0], best[1]), _mm256_max_ps(best[2], best[3]));
  float each[8], largest = -__builtin_inff();
  _mm256_storeu_ps(each, all);
  for (const float v : each) largest = v > largest ? v : largest;
  return largest;
}

} // namespace tokamak::kernels::argmax_detail
