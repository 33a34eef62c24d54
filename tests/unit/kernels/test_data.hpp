// Random test data from a printed seed, and comparisons. TEST_SEED repeats a run.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "tokamak/kernels/cpu_level.hpp"
#include "tokamak/kernels/weight_format.hpp"
#include "weight_blocks.hpp"

namespace kernel_test {

using namespace tokamak::kernels;

class test_data {
public:
  test_data() : seed_(pick_seed()), engine_(seed_) { MESSAGE("TEST_SEED=", seed_); }

  float uniform(float low, float high) { return std::uniform_real_distribution<float>(low, high)(engine_); }
  std::uint32_t below(std::uint32_t end) { return std::uniform_int_distribution<std::uint32_t>(0, end - 1)(engine_); }
  std::vector<float> floats(std::size_t n, float size = 1) {
    std::vector<float> values(n);
    for (float& value : values) value = uniform(-size, size);
    return values;
  }

  /// n rows of k weights as a file stores them: random bits with scales of ordinary size.
  std::vector<std::byte> weights(weight_format format, std::size_t n, std::size_t k) {
    std::vector<std::byte> bytes(n * row_bytes(format, k));
    const std::size_t step = block_bytes(format);
    for (std::size_t at = 0; at < bytes.size(); at += step)
      random_block(format, engine_, 1, 0, bytes.data() + at);
    return bytes;
  }

private:
  static std::uint32_t pick_seed() {
    const char* given = std::getenv("TEST_SEED");
    return given != nullptr ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  }

  std::uint32_t seed_;
  std::mt19937 engine_;
};

inline std::vector<cpu_level> levels_here() {
  std::vector<cpu_level> levels;
  for (const cpu_level level : {cpu_level::reference, cpu_level::avx2, cpu_level::avx512})
    if (level <= detect()) levels.push_back(level);
  return levels;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/// Largest |a-b|, infinite when one is NaN and the other is not.
inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (a[i] == b[i]) continue;
    const double difference = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = std::isnan(difference) ? INFINITY : difference;
  }
  return largest;
}

} // namespace kernel_test
