// Root-mean-square normalisation: rows to the level's version, and the plain version.
#include "tokamak/kernels/rms_norm.hpp"

#include <cmath>

#include "rms_norm/levels.hpp"

namespace tokamak::kernels {

void rms_norm_detail::row_reference(const float* x, const float* weight, float eps, float* y, std::size_t n) {
  double squares = 0;
  for (std::size_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const float factor = 1.0f / std::sqrt(static_cast<float>(squares / static_cast<double>(n)) + eps);
  for (std::size_t i = 0; i < n; ++i) y[i] = weight == nullptr ? x[i] * factor : x[i] * factor * weight[i];
}

void rms_norm(cpu_level level, const float* x, std::size_t ldx, const float* weight, float eps, float* y,
              std::size_t ldy, std::size_t rows, std::size_t n) {
  auto* row = rms_norm_detail::row_reference;
#if defined(TOKAMAK_KERNELS_X86)
  if (level >= cpu_level::avx2) row = rms_norm_detail::row_avx2;
#endif
  (void)level;
  for (std::size_t t = 0; t < rows; ++t) row(x + t * ldx, weight, eps, y + t * ldy, n);
}

} // namespace tokamak::kernels
