// One pass over memory: the largest value block by block, and then the index within the block that had it.
#include "tokamak/kernels/argmax.hpp"

#include <algorithm>
#include <limits>

#include "argmax/levels.hpp"

namespace tokamak::kernels {

namespace {

constexpr std::size_t block = 4096; // half of a first-level cache
constexpr float none = -std::numeric_limits<float>::infinity(), greatest = std::numeric_limits<float>::max();

} // namespace

float argmax_detail::largest_reference(const float* x, std::size_t n) {
  float best = none;
  for (std::size_t i = 0; i < n; ++i) best = x[i] > best ? x[i] : best; // false for NaN
  return best;
}

std::int32_t argmax(cpu_level level, const float* x, std::size_t n) {
  auto* largest = argmax_detail::largest_reference;
#if defined(TOKAMAK_KERNELS_X86)
  if (level >= cpu_level::avx2) largest = argmax_detail::largest_avx2;
#endif
  (void)level;
  float best = none;
  std::size_t found = n;
  for (std::size_t begin = 0; begin < n; begin += block) {
    const float here = std::min(largest(x + begin, std::min(block, n - begin)), greatest);
    if (here > best) best = here, found = begin;
  }
  if (found == n) return -1;
  while (!(x[found] >= best)) ++found;
  return static_cast<std::int32_t>(found);
}

} // namespace tokamak::kernels
