// Least squares: known coefficients are found again, and none is negative.
#include "app/simulation/cost_fit.hpp"

#include <doctest/doctest.h>

using namespace tokamak::app;

namespace {

/// Prompts and batches as `bench --fit` times them, with the times that `of` gives them.
template <class Function>
std::vector<step_measurement> measured(Function of) {
  std::vector<step_measurement> all;
  const auto add = [&](std::vector<measured_step> steps) {
    double us = 0;
    for (const auto& s : steps) us += of(s);
    all.push_back({"", std::move(steps), us});
  };
  for (double n = 2; n <= 64; n *= 2) add({{n, 1, 0, n * (n + 1) / 2}});
  add({{64, 0, 0, 64 * 65 / 2.0}, {64, 1, 0, 64 * 64 + 64 * 65 / 2.0}});
  for (double n = 1; n <= 32; n *= 2) {
    add({{n, n, n * 20, 0}});
    add({{n, n, n * 900, 0}});
  }
  return all;
}

} // namespace

TEST_CASE("costs that follow the model are found exactly, whatever the curve over the rows") {
  const auto curve = [](double rows) { return rows <= 8 ? 4000 + 100 * rows : 800 + 500 * rows; };
  const auto fit = fit_costs(measured([&](const measured_step& s) {
    return curve(s.rows) + 50 * s.outputs + 2 * s.decode_context + 0.5 * s.prefill_context;
  }));
  CHECK(fit.output_us == doctest::Approx(50).epsilon(0.01));
  CHECK(fit.decode_context_us == doctest::Approx(2).epsilon(0.01));
  CHECK(fit.prefill_context_us == doctest::Approx(0.5).epsilon(0.01));
  REQUIRE(fit.rows_us.size() == 7);
  CHECK(fit.rows_us[3].first == 8);
  CHECK(fit.rows_us[3].second == doctest::Approx(curve(8)).epsilon(0.01));
  CHECK(fit.largest_error() < 0.001);
  CHECK(fit.time_us({24, 1, 0, 300}) == doctest::Approx(curve(24) + 50 + 150).epsilon(0.01));
}

TEST_CASE("a coefficient that would be negative is zero, and the error says so") {
  const auto fit = fit_costs(measured([](const measured_step& s) { return 10'000 + 100 * s.rows - 1.5 * s.decode_context / s.rows; }));
  CHECK(fit.decode_context_us == 0);
  CHECK(fit.median_error() > 0);
  CHECK(fit.largest_error() > fit.median_error());
}

TEST_CASE("nothing measured, nothing fitted") { CHECK(fit_costs({}).rows_us.empty()); }
