// Philox4x32-10.
#include "engine/sampling/philox.hpp"

namespace tokamak {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t multiplier_0 = 0xD2511F53;
  constexpr std::uint64_t multiplier_1 = 0xCD9E8D57;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = multiplier_0 * counter[0];
    const std::uint64_t product_1 = multiplier_1 * counter[2];
    const auto high_0 = static_cast<std::uint32_t>(product_0 >> 32), low_0 = static_cast<std::uint32_t>(product_0);
    const auto high_1 = static_cast<std::uint32_t>(product_1 >> 32), low_1 = static_cast<std::uint32_t>(product_1);
    counter = {high_1 ^ counter[1] ^ key[0], low_1, high_0 ^ counter[3] ^ key[1], low_0};
    key[0] += 0x9E3779B9; // golden ratio
    key[1] += 0xBB67AE85; // sqrt(3) - 1
  }
  return counter;
}

double uniform_number(std::uint64_t seed, std::uint32_t position, std::uint32_t draw) {
  const auto words = philox4x32({position, draw, 0, 0},
                                {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  const std::uint64_t bits = (std::uint64_t{words[1]} << 32 | words[0]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

} // namespace tokamak
