// The linear recurrence and its independence of chunking.
#include "test_data.hpp"
#include "tokamak/kernels/decay_scan.hpp"

using namespace kernel_test;

TEST_CASE("decay_scan carries its state over any chunks with the same bits") {
  test_data data;
  const std::size_t rows = 20, n = 5;
  const std::vector<float> x = data.floats(rows * n);
  std::vector<float> whole(rows * n), state(n, 0.0f);
  decay_scan(x.data(), n, 0.5f, state.data(), whole.data(), n, rows, n);
  CHECK(whole[n] == 0.5f * x[0] + x[n]);
  std::vector<float> parts = x, carried(n, 0.0f);
  for (std::size_t t = 0; t < rows;) {
    const std::size_t count = 1 + data.below(static_cast<std::uint32_t>(rows - t));
    decay_scan(parts.data() + t * n, n, 0.5f, carried.data(), parts.data() + t * n, n, count, n);
    t += count;
  }
  CHECK(same_bits(parts, whole));
  CHECK(same_bits(carried, state));
}
