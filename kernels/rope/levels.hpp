// Per-level versions of rotating one head: x[n_rot], cosines[n_rot/2], sines[n_rot/2].
#pragma once

#include <cstddef>

namespace tokamak::kernels::rope_detail {
void interleaved_reference(float* x, const float* cosines, const float* sines, std::size_t n_rot);
void halves_reference(float* x, const float* cosines, const float* sines, std::size_t n_rot);
void interleaved_avx2(float* x, const float* cosines, const float* sines, std::size_t n_rot);
void halves_avx2(float* x, const float* cosines, const float* sines, std::size_t n_rot);
} // namespace tokamak::kernels::rope_detail
