// Rotary position embedding (Su et al. 2021), in two calls: the angles of a step's positions once, then their use on q
// and k of each layer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tokamak/kernels/cpu_level.hpp"

namespace tokamak::kernels {

enum class rope_pairs : std::uint8_t {
  interleaved, ///< pairs (x[2i], x[2i+1]): what llama GGUF files are permuted for ("norm")
  halves,      ///< pairs (x[i], x[i + n_rot/2]) ("neox")
};

/// cos and sin of positions[t] * frequencies[i] (radians a position), computed in double, times `magnitude`. Scaling
/// variants such as YaRN only change the frequencies and the magnitude. angles[rows, n_rot]: n_rot/2 cosines, then
/// n_rot/2 sines.
void rope_angles(const std::uint32_t* positions, std::size_t rows, const double* frequencies, std::size_t n_rot,
                 double magnitude, float* angles);

/// Rotates the first n_rot of each head's head_dim values in place. x[rows, heads*head_dim] with row stride ldx; angles
/// as above, for the same rows. REQUIRES: n_rot even, n_rot <= head_dim. Rows are independent.
void rope_apply(cpu_level level, rope_pairs pairs, float* x, std::size_t ldx, const float* angles, std::size_t rows,
                std::size_t heads, std::size_t head_dim, std::size_t n_rot);

} // namespace tokamak::kernels
