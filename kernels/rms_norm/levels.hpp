// Per-level versions of one row of rms_norm.
#pragma once

#include <cstddef>

namespace tokamak::kernels::rms_norm_detail {
void row_reference(const float* x, const float* weight, float eps, float* y, std::size_t n);
void row_avx2(const float* x, const float* weight, float eps, float* y, std::size_t n);
} // namespace tokamak::kernels::rms_norm_detail
