// Per-level versions of the ops on single values; arguments as in tokamak/kernels/elementwise.hpp.
#pragma once

#include <cstddef>

namespace tokamak::kernels::elementwise_detail {

using of_one = void (*)(const float* x, float* out, std::size_t n);
using of_two = void (*)(const float* x, const float* y, float* out, std::size_t n);
using with_number = void (*)(const float* x, float number, float* out, std::size_t n);

struct level_ops {
  of_two add, mul;
  with_number scale;
  of_one silu;
  of_two silu_mul;
  of_one gelu;
  of_two gelu_mul;
  with_number soft_cap;
};

extern const level_ops reference, avx2, avx512;

} // namespace tokamak::kernels::elementwise_detail
