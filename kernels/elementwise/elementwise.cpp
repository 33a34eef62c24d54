// Sends each op on single values to the level's version.
#include "tokamak/kernels/elementwise.hpp"

#include "elementwise/levels.hpp"

namespace tokamak::kernels {

namespace {

#if !defined(TOKAMAK_KERNELS_X86)
namespace fast = elementwise_reference;
#else
namespace fast = elementwise_avx2;
#endif

bool plain(cpu_level level) { return level < cpu_level::avx2; }

} // namespace

void add(cpu_level level, const float* x, const float* y, float* out, std::size_t n) {
  plain(level) ? elementwise_reference::add(x, y, out, n) : fast::add(x, y, out, n);
}

void mul(cpu_level level, const float* x, const float* y, float* out, std::size_t n) {
  plain(level) ? elementwise_reference::mul(x, y, out, n) : fast::mul(x, y, out, n);
}

void scale(cpu_level level, const float* x, float factor, float* out, std::size_t n) {
  plain(level) ? elementwise_reference::scale(x, factor, out, n) : fast::scale(x, factor, out, n);
}

void silu(cpu_level level, const float* x, float* out, std::size_t n) {
  plain(level) ? elementwise_reference::silu(x, out, n) : fast::silu(x, out, n);
}

void silu_mul(cpu_level level, const float* x, const float* y, float* out, std::size_t n) {
  plain(level) ? elementwise_reference::silu_mul(x, y, out, n) : fast::silu_mul(x, y, out, n);
}

void gelu(cpu_level level, const float* x, float* out, std::size_t n) {
  plain(level) ? elementwise_reference::gelu(x, out, n) : fast::gelu(x, out, n);
}

void gelu_mul(cpu_level level, const float* x, const float* y, float* out, std::size_t n) {
  plain(level) ? elementwise_reference::gelu_mul(x, y, out, n) : fast::gelu_mul(x, y, out, n);
}

void soft_cap(cpu_level level, const float* x, float cap, float* out, std::size_t n) {
  plain(level) ? elementwise_reference::soft_cap(x, cap, out, n) : fast::soft_cap(x, cap, out, n);
}

} // namespace tokamak::kernels
