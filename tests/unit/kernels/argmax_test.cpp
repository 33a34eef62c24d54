// argmax at every level against its definition, on lengths around vectors and blocks, with ties and values that are no numbers.
#include <limits>

#include "test_data.hpp"
#include "tokamak/kernels/argmax.hpp"

using namespace kernel_test;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity(),
                greatest = std::numeric_limits<float>::max();

std::int32_t expected_of(const std::vector<float>& x) {
  std::int32_t best = -1;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]) || x[i] == -infinity) continue;
    if (best < 0 || std::min(x[i], greatest) > std::min(x[static_cast<std::size_t>(best)], greatest)) best = static_cast<std::int32_t>(i);
  }
  return best;
}

} // namespace

TEST_CASE("argmax is the first of the largest") {
  test_data data;
  for (const std::size_t n : {0u, 1u, 7u, 8u, 31u, 33u, 100u, 4095u, 4096u, 4097u, 9000u, 49152u}) {
    for (int round = 0; round < 20; ++round) {
      auto x = data.floats(n, 3);
      if (round % 2 == 1)
        for (float& v : x) v = std::round(v); // ties
      for (int odd = 0; n > 0 && round >= 10 && odd < 5; ++odd) {
        const float values[] = {NAN, -infinity, round > 14 ? infinity : 0.0f, greatest, -greatest};
        x[data.below(static_cast<std::uint32_t>(n))] = values[odd];
      }
      if (round == 18) std::fill(x.begin(), x.end(), NAN);
      if (round == 19) std::fill(x.begin(), x.end(), -infinity);
      for (const cpu_level level : levels_here()) REQUIRE(argmax(level, x.data(), n) == expected_of(x));
    }
  }
}
