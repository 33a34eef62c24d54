// Seeds of randomised tests: new every run, or TOKAMAK_TEST_SEED to repeat one.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace tokamak::test {

/// Print it: it is all that is needed to see a failure again.
inline std::uint64_t random_seed() {
  if (const char* given = std::getenv("TOKAMAK_TEST_SEED"))
    return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

} // namespace tokamak::test
