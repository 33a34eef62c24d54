// rms_norm against double precision on awkward lengths.
#include "test_data.hpp"
#include "tokamak/kernels/rms_norm.hpp"

using namespace kernel_test;

TEST_CASE("rms_norm divides each row by its root mean square") {
  test_data data;
  for (const std::size_t n : {1u, 7u, 8u, 31u, 33u, 64u, 576u}) {
    const std::size_t rows = 3, ldx = n + 2, ldy = n + 1;
    const std::vector<float> x = data.floats(rows * ldx, 5), weight = data.floats(n, 2);
    for (const cpu_level level : levels_here()) {
      for (const bool weighted : {true, false}) {
        std::vector<float> y(rows * ldy, -77);
        rms_norm(level, x.data(), ldx, weighted ? weight.data() : nullptr, 1e-5f, y.data(), ldy, rows, n);
        for (std::size_t t = 0; t < rows; ++t) {
          double squares = 0;
          for (std::size_t i = 0; i < n; ++i) squares += std::pow(static_cast<double>(x[t * ldx + i]), 2);
          const double root = std::sqrt(squares / static_cast<double>(n) + 1e-5);
          for (std::size_t i = 0; i < n; ++i) {
            const double expected =
                static_cast<double>(x[t * ldx + i]) / root * (weighted ? static_cast<double>(weight[i]) : 1);
            REQUIRE(std::fabs(static_cast<double>(y[t * ldy + i]) - expected) < 2e-6 * (1 + std::fabs(expected)));
          }
          REQUIRE(y[t * ldy + n] == -77);
        }
      }
    }
  }
}

TEST_CASE("rms_norm of zeros is zero, of huge values finite, of NaN NaN, and works in place with the same bits") {
  test_data data;
  for (const cpu_level level : levels_here()) {
    std::vector<float> x(40, 0.0f);
    rms_norm(level, x.data(), 40, nullptr, 1e-6f, x.data(), 40, 1, 40);
    for (const float value : x) CHECK(value == 0.0f);

    std::fill(x.begin(), x.end(), -1e15f);
    rms_norm(level, x.data(), 40, nullptr, 1e-6f, x.data(), 40, 1, 40);
    for (const float value : x) CHECK(value == doctest::Approx(-1.0));

    x[5] = NAN;
    rms_norm(level, x.data(), 40, nullptr, 1e-6f, x.data(), 40, 1, 40);
    for (const float value : x) CHECK(std::isnan(value));

    const std::vector<float> input = data.floats(40);
    std::vector<float> apart(40), in_place = input;
    rms_norm(level, input.data(), 40, nullptr, 1e-6f, apart.data(), 40, 1, 40);
    rms_norm(level, in_place.data(), 20, nullptr, 1e-6f, in_place.data(), 20, 0, 20); // no rows: no work
    rms_norm(level, in_place.data(), 40, nullptr, 1e-6f, in_place.data(), 40, 1, 40);
    CHECK(same_bits(apart, in_place));
  }
}
