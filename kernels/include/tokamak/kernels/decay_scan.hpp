// A linear recurrence, the smallest op with recurrent state: state = decay * state + x, y = state.
#pragma once

#include <cstddef>

namespace tokamak::kernels {

/// One sequence: x[rows, n] (stride ldx) in order of time, state[n] carried in and out; y[rows, n] (stride ldy) is the
/// state after each row. Channels are independent; the same bits for any chunking in time. y may be x.
void decay_scan(const float* x, std::size_t ldx, float decay, float* state, float* y, std::size_t ldy,
                std::size_t rows, std::size_t n);

} // namespace tokamak::kernels
