// Sends each op on single values to the level's version.
#include "tokamak/kernels/elementwise.hpp"

#include "elementwise/levels.hpp"

namespace tokamak::kernels {

namespace {

const elementwise_detail::level_ops& of(cpu_level level) {
#if defined(TOKAMAK_KERNELS_X86)
  if (level == cpu_level::avx512) return elementwise_detail::avx512;
  if (level == cpu_level::avx2) return elementwise_detail::avx2;
#endif
  (void)level;
  return elementwise_detail::reference;
}

} // namespace

void add(cpu_level level, const float* x, const float* y, float* out, std::size_t n) { of(level).add(x, y, out, n); }
void mul(cpu_level level, const float* x, const float* y, float* out, std::size_t n) { of(level).mul(x, y, out, n); }
void scale(cpu_level level, const float* x, float factor, float* out, std::size_t n) { of(level).scale(x, factor, out, n); }
void silu(cpu_level level, const float* x, float* out, std::size_t n) { of(level).silu(x, out, n); }
void silu_mul(cpu_level level, const float* x, const float* y, float* out, std::size_t n) { of(level).silu_mul(x, y, out, n); }
void gelu(cpu_level level, const float* x, float* out, std::size_t n) { of(level).gelu(x, out, n); }
void gelu_mul(cpu_level level, const float* x, const float* y, float* out, std::size_t n) { of(level).gelu_mul(x, y, out, n); }
void soft_cap(cpu_level level, const float* x, float cap, float* out, std::size_t n) { of(level).soft_cap(x, cap, out, n); }

} // namespace tokamak::kernels
