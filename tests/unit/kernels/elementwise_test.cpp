// Ops on single values against double precision, and independence of position and length.
#include "test_data.hpp"
#include "tokamak/kernels/elementwise.hpp"

#include <functional>

using namespace kernel_test;

namespace {

using apply = std::function<void(cpu_level, const float*, const float*, float*, std::size_t)>;

struct op {
  const char* name;
  apply run;
  std::function<double(double, double)> exact;
};

double gelu_of(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
double silu_of(double x) { return x / (1 + std::exp(-x)); }

const std::vector<op>& ops() {
  static const std::vector<op> all = {
      {"add", [](auto l, auto x, auto y, auto o, auto n) { add(l, x, y, o, n); },
       [](double x, double y) { return x + y; }},
      {"mul", [](auto l, auto x, auto y, auto o, auto n) { mul(l, x, y, o, n); },
       [](double x, double y) { return x * y; }},
      {"scale", [](auto l, auto x, auto, auto o, auto n) { scale(l, x, 0.125f, o, n); },
       [](double x, double) { return x * 0.125; }},
      {"silu", [](auto l, auto x, auto, auto o, auto n) { silu(l, x, o, n); },
       [](double x, double) { return silu_of(x); }},
      {"silu_mul", [](auto l, auto x, auto y, auto o, auto n) { silu_mul(l, x, y, o, n); },
       [](double x, double y) { return silu_of(x) * y; }},
      {"gelu", [](auto l, auto x, auto, auto o, auto n) { gelu(l, x, o, n); },
       [](double x, double) { return gelu_of(x); }},
      {"gelu_mul", [](auto l, auto x, auto y, auto o, auto n) { gelu_mul(l, x, y, o, n); },
       [](double x, double y) { return gelu_of(x) * y; }},
      {"soft_cap", [](auto l, auto x, auto, auto o, auto n) { soft_cap(l, x, 30.0f, o, n); },
       [](double x, double) { return 30 * std::tanh(x / 30); }}};
  return all;
}

} // namespace

TEST_CASE("every op on single values is right to a few units in the last place") {
  test_data data;
  for (const op& op : ops()) {
    for (const cpu_level level : levels_here()) {
      CAPTURE(op.name);
      CAPTURE(level_name(level));
      for (const std::size_t n : {0u, 1u, 7u, 8u, 9u, 100u}) {
        const std::vector<float> x = data.floats(n, 12), y = data.floats(n, 2);
        std::vector<float> out(n);
        op.run(level, x.data(), y.data(), out.data(), n);
        for (std::size_t i = 0; i < n; ++i) {
          const double expected = op.exact(static_cast<double>(x[i]), static_cast<double>(y[i]));
          REQUIRE(std::fabs(static_cast<double>(out[i]) - expected) <= 6e-7 * (1 + std::fabs(expected)) * 10);
        }
      }
    }
  }
}

TEST_CASE("a value's result does not depend on its neighbours, and may replace its input") {
  test_data data;
  const std::vector<float> x = data.floats(61, 6), y = data.floats(61, 6);
  for (const op& op : ops()) {
    for (const cpu_level level : levels_here()) {
      std::vector<float> all(61);
      op.run(level, x.data(), y.data(), all.data(), 61);
      for (std::size_t begin = 0; begin < 61; ++begin) {
        const std::size_t n = 1 + data.below(static_cast<std::uint32_t>(61 - begin));
        std::vector<float> in_place(x.begin() + static_cast<std::ptrdiff_t>(begin), x.end());
        op.run(level, in_place.data(), y.data() + begin, in_place.data(), n);
        REQUIRE(std::memcmp(in_place.data(), all.data() + begin, n * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("extreme inputs of activations go to their limits and NaN stays NaN") {
  const std::vector<float> x = {1e4f, -1e4f, 88.0f, -88.0f, -100.0f, 1e-42f, 0.0f, INFINITY, NAN};
  const std::vector<float> y(x.size(), 1.0f);
  for (const cpu_level level : levels_here()) {
    std::vector<float> out(x.size());
    silu(level, x.data(), out.data(), x.size());
    CHECK(out[0] == 1e4f);
    CHECK(std::fabs(out[1]) < 1e-30f);
    CHECK(out[2] == 88.0f);
    CHECK(std::fabs(out[3]) < 1e-30f);
    CHECK(std::fabs(out[4]) < 1e-30f);
    CHECK(std::fabs(out[5]) < 1e-41f);
    CHECK(out[7] == INFINITY);
    CHECK(std::isnan(out[8]));
    gelu_mul(level, x.data(), y.data(), out.data(), x.size());
    CHECK(out[0] == 1e4f);
    CHECK(std::fabs(out[1]) < 1e-30f);
    CHECK(std::isnan(out[8]));
    soft_cap(level, x.data(), 50.0f, out.data(), x.size());
    CHECK(out[0] == 50.0f);
    CHECK(out[1] == -50.0f);
    CHECK(out[7] == 50.0f);
    CHECK(out[6] == 0.0f);
    CHECK(std::isnan(out[8]));
  }
}
