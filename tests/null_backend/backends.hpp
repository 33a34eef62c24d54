// Backends for tests, as tables to call directly; the same tables are in the modules null.so, reference.so and
// fake_device.so below <build>/tests/plugins.
#pragma once

#include <tokamak/plugin.h>

namespace tokamak::test {

/// Computes nothing. The logits of a row with token t favour t + 1, then t + 2, ... (modulo the vocabulary; logit 8,
/// 7, ... 1, others 0); other outputs are zero. Option step_us: complete that much later, on a thread of its own (0:
/// within submit). Takes any graph and any step.
const tk_backend& null_backend();

/// Executes every primitive op but all_reduce in plain loops with sums in double; rows are f32, K and V in the
/// group's format. Checks every step before running it. Kernels of level "reference" run too. Completes within
/// submit.
const tk_backend& reference_backend();

/// The same computation behind a device's manners: buffers have no host pointer (and lie masked in memory), weights
/// are copied, and steps complete in order on another thread, step_us (default 200) after they came to the front. No
/// kernels.
const tk_backend& fake_device_backend();

} // namespace tokamak::test
