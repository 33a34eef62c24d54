// Per-level versions of the ops on single values; arguments as in tokamak/kernels/elementwise.hpp.
#pragma once

#include <cstddef>

namespace tokamak::kernels::elementwise_reference {
void add(const float* x, const float* y, float* out, std::size_t n);
void mul(const float* x, const float* y, float* out, std::size_t n);
void scale(const float* x, float factor, float* out, std::size_t n);
void silu(const float* x, float* out, std::size_t n);
void silu_mul(const float* x, const float* y, float* out, std::size_t n);
void gelu(const float* x, float* out, std::size_t n);
void gelu_mul(const float* x, const float* y, float* out, std::size_t n);
void soft_cap(const float* x, float cap, float* out, std::size_t n);
} // namespace tokamak::kernels::elementwise_reference

namespace tokamak::kernels::elementwise_avx2 {
void add(const float* x, const float* y, float* out, std::size_t n);
void mul(const float* x, const float* y, float* out, std::size_t n);
void scale(const float* x, float factor, float* out, std::size_t n);
void silu(const float* x, float* out, std::size_t n);
void silu_mul(const float* x, const float* y, float* out, std::size_t n);
void gelu(const float* x, float* out, std::size_t n);
void gelu_mul(const float* x, const float* y, float* out, std::size_t n);
void soft_cap(const float* x, float cap, float* out, std::size_t n);
} // namespace tokamak::kernels::elementwise_avx2
