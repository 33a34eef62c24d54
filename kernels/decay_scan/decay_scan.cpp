// Linear recurrence, one plain version for all levels.
#include "tokamak/kernels/decay_scan.hpp"

namespace tokamak::kernels {

void decay_scan(const float* x, std::size_t ldx, float decay, float* state, float* y, std::size_t ldy,
                std::size_t rows, std::size_t n) {
  for (std::size_t t = 0; t < rows; ++t) {
    for (std::size_t i = 0; i < n; ++i) {
      state[i] = decay * state[i] + x[t * ldx + i];
      y[t * ldy + i] = state[i];
    }
  }
}

} // namespace tokamak::kernels
