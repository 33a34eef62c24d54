// How much longer than usual a test may wait: a build with sanitizers is slower. Set beside ctest's own timeouts.
#pragma once

namespace tokamak::test {

inline constexpr int patience = TOKAMAK_TIMEOUT_FACTOR;

} // namespace tokamak::test
