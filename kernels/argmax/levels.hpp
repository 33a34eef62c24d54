// Per-level versions of argmax within one block.
#pragma once

#include <cstddef>

namespace tokamak::kernels::argmax_detail {
/// The largest of x[n], NaN left out; -infinity if there is none.
float largest_reference(const float* x, std::size_t n);
float largest_avx2(const float* x, std::size_t n);
} // namespace tokamak::kernels::argmax_detail
