// Philox against the known answers published with Random123 (kat_vectors, "philox4x32 10").
#include "engine/sampling/philox.hpp"

#include <doctest/doctest.h>

#include <set>

using tokamak::philox4x32;
using tokamak::uniform_number;
using words = std::array<std::uint32_t, 4>;

TEST_CASE("Philox4x32-10 gives the published answers") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a uniform number is in [0, 1) and differs by seed, position and draw") {
  std::set<double> seen;
  for (std::uint64_t seed : {0ULL, 1ULL, 1ULL << 40})
    for (std::uint32_t position = 0; position < 100; ++position)
      for (std::uint32_t draw = 0; draw < 3; ++draw) {
        const double u = uniform_number(seed, position, draw);
        CHECK(u >= 0.0);
        CHECK(u < 1.0);
        seen.insert(u);
      }
  CHECK(seen.size() == 900);
  // The first two words of the all-zero answer, by hand: (0xe169c58d6627e8d5 >> 11) * 2^-53.
  CHECK(uniform_number(0, 0, 0) == static_cast<double>(0xe169c58d6627e8d5ULL >> 11) * 0x1p-53);
}
