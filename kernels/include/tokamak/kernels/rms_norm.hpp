// Root-mean-square normalisation (Zhang & Sennrich 2019): y = x / sqrt(mean(x^2) + eps) * weight.
#pragma once

#include <cstddef>

#include "tokamak/kernels/cpu_level.hpp"

namespace tokamak::kernels {

/// x[rows, n] (stride ldx) -> y[rows, n] (stride ldy; may be x itself). `weight[n]` or nullptr for none. The sum of
/// squares has one order a row, so rows are independent: split them freely over calls and threads.
void rms_norm(cpu_level level, const float* x, std::size_t ldx, const float* weight, float eps, float* y,
              std::size_t ldy, std::size_t rows, std::size_t n);

} // namespace tokamak::kernels
