// Rotary position embedding: angles, the walk over rows and heads, and the plain rotations.
#include "tokamak/kernels/rope.hpp"

#include <cmath>

#include "rope/levels.hpp"

namespace tokamak::kernels {

void rope_detail::interleaved_reference(float* x, const float* cosines, const float* sines, std::size_t n_rot) {
  for (std::size_t i = 0; i < n_rot / 2; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    x[2 * i] = a * cosines[i] - b * sines[i];
    x[2 * i + 1] = a * sines[i] + b * cosines[i];
  }
}

void rope_detail::halves_reference(float* x, const float* cosines, const float* sines, std::size_t n_rot) {
  for (std::size_t i = 0; i < n_rot / 2; ++i) {
    const float a = x[i], b = x[i + n_rot / 2];
    x[i] = a * cosines[i] - b * sines[i];
    x[i + n_rot / 2] = a * sines[i] + b * cosines[i];
  }
}

void rope_angles(const std::uint32_t* positions, std::size_t rows, const double* frequencies, std::size_t n_rot,
                 double magnitude, float* angles) {
  const std::size_t half = n_rot / 2;
  for (std::size_t t = 0; t < rows; ++t) {
    float* const row = angles + t * n_rot;
    for (std::size_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(positions[t]) * frequencies[i];
      row[i] = static_cast<float>(std::cos(angle) * magnitude);
      row[half + i] = static_cast<float>(std::sin(angle) * magnitude);
    }
  }
}

void rope_apply(cpu_level level, rope_pairs pairs, float* x, std::size_t ldx, const float* angles, std::size_t rows,
                std::size_t heads, std::size_t head_dim, std::size_t n_rot) {
  const bool interleaved = pairs == rope_pairs::interleaved;
  auto* rotate = interleaved ? rope_detail::interleaved_reference : rope_detail::halves_reference;
#if defined(TOKAMAK_KERNELS_X86)
  if (level >= cpu_level::avx2) rotate = interleaved ? rope_detail::interleaved_avx2 : rope_detail::halves_avx2;
#endif
  (void)level;
  for (std::size_t t = 0; t < rows; ++t) {
    const float* const row = angles + t * n_rot;
    for (std::size_t head = 0; head < heads; ++head)
      rotate(x + t * ldx + head * head_dim, row, row + n_rot / 2, n_rot);
  }
}

} // namespace tokamak::kernels
