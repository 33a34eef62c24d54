// Where the largest of many values is: greedy decoding over a vocabulary.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tokamak/kernels/cpu_level.hpp"

namespace tokamak::kernels {

/// The lowest index of the largest of x[n]; NaN is left out and +inf is read as the largest finite float. -1 if all are NaN or
/// -inf. REQUIRES: n < 2^31. Any thread.
std::int32_t argmax(cpu_level level, const float* x, std::size_t n);

} // namespace tokamak::kernels
