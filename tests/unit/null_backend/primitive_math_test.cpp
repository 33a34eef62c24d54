// Each primitive op without state against its formula.
#include "unit/null_backend/op_bench.hpp"

#include <complex>
#include <functional>
#include <numbers>

using namespace tokamak;
using namespace tokamak::test;

namespace {

/// One op from input "x" [rows, width] to output "y".
std::vector<float> run_unary(std::uint64_t width, std::uint32_t rows, const std::vector<float>& x,
                             const std::function<value_id(op_bench&, value_id)>& build) {
  op_bench b;
  b.output(build(b, b.input("x", width)));
  backend_instance backend(reference_backend());
  const auto session = b.start(backend);
  session->set_input("x", x);
  auto step = plain_rows(rows);
  return session->run(step).at("y");
}

void check_close(const std::vector<float>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-6));
}

/// Rotates one head of `dims` at `position` by complex multiplication.
std::vector<double> rotated(const std::vector<float>& x, bool interleaved, std::size_t dims, double position,
                            const std::function<double(std::size_t)>& frequency, double magnitude = 1) {
  std::vector<double> y(x.begin(), x.end());
  for (std::size_t i = 0; i < dims / 2; ++i) {
    const auto a = interleaved ? 2 * i : i, b = interleaved ? 2 * i + 1 : i + dims / 2;
    const auto turned = std::complex<double>(x[a], x[b]) * std::polar(magnitude, position * frequency(i));
    y[a] = turned.real();
    y[b] = turned.imag();
  }
  return y;
}

} // namespace

TEST_CASE("rms_norm divides by the root mean square of each group and weighs") {
  const auto x = waves(12, 1);
  for (const std::size_t group : {std::size_t{6}, std::size_t{3}}) {
    const auto found = run_unary(6, 2, x, [&](op_bench& b, value_id in) {
      return b.op.rms_norm("y", in, b.weight("w", {group}, {0.5F, 1, 2, 3, -1, 0.25F}), 0.01, 1.0);
    });
    const std::vector<double> w = {0.5, 1, 2, 3, -1, 0.25};
    std::vector<double> expected;
    for (std::size_t begin = 0; begin < 12; begin += group) {
      double squares = 0;
      for (std::size_t i = 0; i < group; ++i)
        squares += double{x[begin + i]} * x[begin + i];
      for (std::size_t i = 0; i < group; ++i)
        expected.push_back(x[begin + i] / std::sqrt(squares / static_cast<double>(group) + 0.01) * (w[i] + 1));
    }
    check_close(found, expected);
  }
}

TEST_CASE("matmul multiplies rows of the weight and adds the bias") {
  const auto found = run_unary(3, 2, {1, 2, 3, 4, 5, 6}, [](op_bench& b, value_id in) {
    return b.op.matmul("y", in, b.weight("w", {3, 2}, {1, 0, -1, 2, 1, 0.5F}), b.weight("bias", {2}, {10, 20}));
  });
  CHECK(found == std::vector<float>{8, 25.5F, 8, 36});
}

TEST_CASE("elementwise ops follow their formulas") {
  const auto x = waves(8, 2);
  const auto with = [&](const std::function<value_id(op_bench&, value_id)>& build,
                        const std::function<double(double)>& formula) {
    std::vector<double> expected;
    for (const float value : x)
      expected.push_back(formula(value));
    check_close(run_unary(4, 2, x, build), expected);
  };
  const auto silu = [](double v) { return v / (1 + std::exp(-v)); };
  const auto gelu = [](double v) {
    return v / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (v + 0.044715 * v * v * v)));
  };
  with([](op_bench& b, value_id in) { return b.op.add("y", in, in); }, [](double v) { return 2 * v; });
  with([](op_bench& b, value_id in) { return b.op.mul("y", in, in); }, [](double v) { return v * v; });
  with([](op_bench& b, value_id in) { return b.op.scale("y", in, -2.5); }, [](double v) { return -2.5 * v; });
  with([](op_bench& b, value_id in) { return b.op.softcap("y", in, 0.5); }, [](double v) { return 0.5 * std::tanh(v / 0.5); });
  with([](op_bench& b, value_id in) { return b.op.silu("y", in); }, silu);
  with([](op_bench& b, value_id in) { return b.op.gelu("y", in); }, gelu);
  with([](op_bench& b, value_id in) { return b.op.glu("y", in, in, "silu"); }, [&](double v) { return silu(v) * v; });
  with([](op_bench& b, value_id in) { return b.op.glu("y", in, in, "gelu"); }, [&](double v) { return gelu(v) * v; });
}

TEST_CASE("rope rotates pairs by position, and leaves dimensions beyond rotary_dims") {
  const auto x = waves(20, 3); // two rows of one head of 10
  for (const bool interleaved : {true, false}) {
    const auto found = run_unary(10, 2, x, [&](op_bench& b, value_id in) {
      rope_settings rope;
      rope.head_dim = 10;
      rope.rotary_dims = 8;
      rope.style = interleaved ? "interleaved" : "halves";
      rope.freq_scale = 0.5;
      rope.divisors = b.weight("divisors", {4}, {1, 2, 4, 8});
      return b.op.rope("y", in, rope);
    });
    const auto frequency = [](std::size_t i) {
      return std::pow(10000.0, -2.0 * static_cast<double>(i) / 8) / std::exp2(static_cast<double>(i)) * 0.5;
    };
    std::vector<double> expected;
    for (const double position : {0.0, 1.0}) {
      const std::vector<float> head(x.begin() + (position == 0 ? 0 : 10), x.begin() + (position == 0 ? 10 : 20));
      const auto y = rotated(head, interleaved, 8, position, frequency);
      expected.insert(expected.end(), y.begin(), y.end());
    }
    check_close(found, expected);
  }
}

TEST_CASE("YaRN keeps fast pairs, slows slow ones and raises the magnitude") {
  const auto x = waves(128, 4); // two rows of a head of 64
  const auto found = run_unary(64, 2, x, [](op_bench& b, value_id in) {
    rope_settings rope;
    rope.head_dim = rope.rotary_dims = 64;
    rope.freq_scale = 0.25;
    rope.ext_factor = 1;
    rope.original_context = 2048;
    return b.op.rope("y", in, rope);
  });
  // Pairs that turn 32 and 1 times in 2,048 positions: 64 ln(2048 / (2 pi t)) / (2 ln 10000) = 8.06 and 20.1.
  const auto frequency = [](std::size_t i) {
    const double own = std::pow(10000.0, -static_cast<double>(i) / 32);
    const double slow = std::clamp((static_cast<double>(i) - 8) / (21 - 8), 0.0, 1.0);
    return own * (1 - slow) + own / 4 * slow;
  };
  const std::vector<float> second(x.begin() + 64, x.end());
  const auto expected = rotated(second, true, 64, 1, frequency, 1 + 0.1 * std::log(4.0));
  check_close({found.begin() + 64, found.end()}, expected);
}

TEST_CASE("embed looks tokens up, scales them, and takes given embeddings as they are") {
  op_bench b;
  b.output(b.op.embed("y", b.weight("table", {2, 3}, {1, 2, 3, 4, 5, 6}), 10));
  backend_instance backend(reference_backend());
  const auto session = b.start(backend);
  session_buffer given(backend, 16);
  const std::vector<float> rows = {7, 8, 9, 10};
  given.write(rows.data(), 16);
  step_data step;
  step.add({1, {2, -2, 0, -1}, {}, {}});
  step.embeddings(given.handle());
  CHECK(session->run(step).at("y") == std::vector<float>{50, 60, 9, 10, 10, 20, 7, 8});
  step_data beyond;
  beyond.add({1, {3}, {}, {}});
  CHECK_THROWS_WITH_AS(session->run(beyond), "row 0 has token 3, expected 0 to 2", failure);
}

TEST_CASE("take_outputs gathers the wanted rows") {
  op_bench b;
  b.output(b.op.take_outputs("y", b.input("x", 2)));
  backend_instance backend(reference_backend());
  const auto session = b.start(backend);
  session->set_input("x", {1, 2, 3, 4, 5, 6});
  auto step = plain_rows(3);
  step.want(0);
  step.want(2);
  CHECK(session->run(step).at("y") == std::vector<float>{1, 2, 5, 6});
}
