// Ops on single values, plain.
#include <cmath>

#include "elementwise/levels.hpp"

namespace tokamak::kernels::elementwise_detail {

namespace {

float silu_of(float x) { return x / (1.0f + std::exp(-x)); }

// 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2u)), without the cancellation for negative u.
float gelu_of(float x) {
  constexpr float twice_sqrt_2_over_pi = 1.5957691216057308f;
  return x / (1.0f + std::exp(-twice_sqrt_2_over_pi * (x + 0.044715f * x * x * x)));
}

void add(const float* x, const float* y, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = x[i] + y[i];
}

void mul(const float* x, const float* y, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = x[i] * y[i];
}

void scale(const float* x, float factor, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = x[i] * factor;
}

void silu(const float* x, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = silu_of(x[i]);
}

void silu_mul(const float* x, const float* y, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = silu_of(x[i]) * y[i];
}

void gelu(const float* x, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = gelu_of(x[i]);
}

void gelu_mul(const float* x, const float* y, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = gelu_of(x[i]) * y[i];
}

void soft_cap(const float* x, float cap, float* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = cap * std::tanh(x[i] / cap);
}

} // namespace

constinit const level_ops reference = {add, mul, scale, silu, silu_mul, gelu, gelu_mul, soft_cap};

} // namespace tokamak::kernels::elementwise_detail
