// Random numbers without state: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A number depends only on (seed, position, draw), so sampling rebuilds after preemption,
// rollback or on another node.
#pragma once

#include <array>
#include <cstdint>

namespace tokamak {

/// Ten rounds of Philox with four 32-bit words. Pure.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// Uniform in [0, 1), a multiple of 2^-53. Key = seed (low word first), counter = (position, draw, 0, 0).
double uniform_number(std::uint64_t seed, std::uint32_t position, std::uint32_t draw);

} // namespace tokamak
