// Rotary embedding: both pairings against complex multiplication in double precision.
#include <complex>

#include "test_data.hpp"
#include "tokamak/kernels/rope.hpp"

using namespace kernel_test;

namespace {

std::vector<double> frequencies(std::size_t n_rot) {
  std::vector<double> result;
  for (std::size_t i = 0; i < n_rot / 2; ++i)
    result.push_back(std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(n_rot)));
  return result;
}

} // namespace

TEST_CASE("each pair is rotated by position times frequency and the rest of the head stays") {
  test_data data;
  const std::size_t rows = 3, heads = 3;
  const std::uint32_t positions[rows] = {0, 5, 130000};
  for (const auto& [head_dim, n_rot] :
       {std::pair<std::size_t, std::size_t>{64, 64}, {64, 32}, {10, 10}, {80, 20}, {2, 2}}) {
    const std::size_t half = n_rot / 2, ldx = heads * head_dim + 1;
    const std::vector<double> speeds = frequencies(n_rot);
    std::vector<float> angles(rows * n_rot);
    rope_angles(positions, rows, speeds.data(), n_rot, 1.25, angles.data());
    for (const rope_pairs pairs : {rope_pairs::interleaved, rope_pairs::halves}) {
      const std::vector<float> x = data.floats(rows * ldx, 3);
      for (const cpu_level level : levels_here()) {
        std::vector<float> got = x;
        rope_apply(level, pairs, got.data(), ldx, angles.data(), rows, heads, head_dim, n_rot);
        std::vector<float> expected = x;
        for (std::size_t t = 0; t < rows; ++t)
          for (std::size_t head = 0; head < heads; ++head)
            for (std::size_t i = 0; i < half; ++i) {
              const std::size_t at = t * ldx + head * head_dim;
              const std::size_t a = at + (pairs == rope_pairs::interleaved ? 2 * i : i);
              const std::size_t b = pairs == rope_pairs::interleaved ? a + 1 : a + half;
              const auto rotated = std::complex<double>(static_cast<double>(x[a]), static_cast<double>(x[b])) *
                                   std::polar(1.25, positions[t] * speeds[i]);
              expected[a] = static_cast<float>(rotated.real());
              expected[b] = static_cast<float>(rotated.imag());
            }
        CHECK(largest_difference(got, expected) < 2e-6);
      }
    }
  }
}
