// Ops on single values. x and y are arrays of n floats; out may be one of the inputs. Each result depends only on its
// own inputs, whatever n and the position are. NaN gives NaN. Any thread.
#pragma once

#include <cstddef>

#include "tokamak/kernels/cpu_level.hpp"

namespace tokamak::kernels {

/// out = x + y
void add(cpu_level level, const float* x, const float* y, float* out, std::size_t n);
/// out = x * y
void mul(cpu_level level, const float* x, const float* y, float* out, std::size_t n);
/// out = x * factor
void scale(cpu_level level, const float* x, float factor, float* out, std::size_t n);
/// out = x / (1 + exp(-x)), also called swish
void silu(cpu_level level, const float* x, float* out, std::size_t n);
/// out = silu(x) * y: the gate of SwiGLU (x the gate projection, y the up projection)
void silu_mul(cpu_level level, const float* x, const float* y, float* out, std::size_t n);
/// out = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
void gelu(cpu_level level, const float* x, float* out, std::size_t n);
/// out = gelu(x) * y: the gate of GeGLU
void gelu_mul(cpu_level level, const float* x, const float* y, float* out, std::size_t n);
/// out = cap * tanh(x / cap). REQUIRES: cap > 0.
void soft_cap(cpu_level level, const float* x, float cap, float* out, std::size_t n);

} // namespace tokamak::kernels
