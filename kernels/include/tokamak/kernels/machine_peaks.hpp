// What this machine can do at most, measured: what kernels are compared with.
#pragma once

#include "tokamak/kernels/cpu_level.hpp"
#include "tokamak/kernels/thread_team.hpp"

namespace tokamak::kernels {

/// Of all threads of a team together.
struct machine_peaks {
  double read_bytes_per_s = 0;         ///< from memory, far more of it than caches hold
  double int8_multiply_adds_per_s = 0; ///< of bytes, to 32-bit sums, by the level's best instructions, all in registers
};

/// Takes about a third of a second, and 256 MiB meanwhile; 0 where memory is refused. On the team's own thread.
machine_peaks measure_peaks(cpu_level level, thread_team& team);

} // namespace tokamak::kernels
