// Quantising activations: the same bits at every level, and what happens to values no int8 can hold.
#include "test_data.hpp"
#include "tokamak/kernels/matmul.hpp"

using namespace kernel_test;

namespace {

struct quantized {
  std::vector<std::byte> memory;
  quantized_rows view;
  quantized(cpu_level level, const std::vector<float>& x, std::size_t rows, std::size_t k, std::size_t ldx)
      : memory(quantized_bytes(rows, k)), view(quantized_view(memory.data(), rows, k)) {
    quantize_rows(level, x.data(), ldx, 0, rows, view);
  }
};

constexpr float infinity = INFINITY;

} // namespace

TEST_CASE("every level quantises to the same bits and within half a step") {
  test_data data;
  for (const std::size_t k : {32u, 64u, 576u}) {
    const std::size_t rows = 1 + data.below(30), ldx = k + data.below(3);
    std::vector<float> x = data.floats(rows * ldx, 3);
    for (float& value : x)
      if (data.below(20) == 0) value *= std::ldexp(1.0f, static_cast<int>(data.below(240)) - 120);
    const quantized plain(cpu_level::reference, x, rows, k, ldx);
    for (std::size_t t = 0; t < rows; ++t) {
      for (std::size_t b = 0; b < k / 32; ++b) {
        const quantized_block block = plain.view.block(t, b);
        int sums[2] = {0, 0};
        for (std::size_t i = 0; i < 32; ++i) {
          sums[i / 16] += block.q[i];
          CHECK(std::fabs(*block.scale * block.q[i] - x[t * ldx + 32 * b + i]) <= *block.scale * 0.5001f + 0x1p-100f);
        }
        REQUIRE(block.half_sums[0] == sums[0]);
        REQUIRE(block.half_sums[1] == sums[1]);
        REQUIRE(*block.sum == *block.scale * static_cast<float>(sums[0] + sums[1]));
      }
    }
    for (const cpu_level level : levels_here()) CHECK(quantized(level, x, rows, k, ldx).memory == plain.memory);
  }
}

TEST_CASE("zeros and denormals quantise to zero; infinity and NaN show as NaN scales") {
  for (const cpu_level level : levels_here()) {
    CAPTURE(level_name(level));
    std::vector<float> x(4 * 32, 0.0f);
    x[32] = 1e-42f;
    x[64 + 31] = -infinity;
    x[96 + 7] = NAN;
    x[96 + 8] = 5.0f;
    const quantized got(level, x, 1, 128, 128);
    CHECK(*got.view.block(0, 0).scale == 0.0f);
    CHECK(*got.view.block(0, 1).scale == 0.0f);
    CHECK(got.view.block(0, 1).q[0] == 0);
    CHECK(std::isnan(*got.view.block(0, 2).scale));
    CHECK(std::isnan(*got.view.block(0, 3).sum));
    CHECK(got.view.block(0, 3).q[8] == 0);
  }
}

TEST_CASE("the largest value of a block becomes 127 of its sign") {
  for (const cpu_level level : levels_here()) {
    std::vector<float> x(64, 1.0f);
    x[3] = -254.0f;
    x[40] = std::numeric_limits<float>::max();
    const quantized got(level, x, 1, 64, 64);
    CHECK(got.view.block(0, 0).q[3] == -127);
    CHECK(*got.view.block(0, 0).scale == 2.0f);
    CHECK(*got.view.block(0, 0).sum == 2.0f * (-127 + 0)); // 1/2 rounds to the even 0
    CHECK(got.view.block(0, 1).q[8] == 127);
    CHECK(got.view.block(0, 1).q[9] == 0);
  }
}
