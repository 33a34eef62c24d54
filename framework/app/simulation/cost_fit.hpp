// From measured steps to the coefficients of the backend `simulated`: non-negative least squares over relative errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tokamak::app {

/// What a step held, as the cost model sees it (plugins/compute_model_fusion/simulated/README.md).
struct measured_step {
  double rows = 0;
  double outputs = 0;
  double decode_context = 0;
  double prefill_context = 0;
};

/// Some steps one after the other, and how long they took together.
struct step_measurement {
  std::string what;
  std::vector<measured_step> steps;
  double us = 0; ///< above 0
};

struct fitted_costs {
  std::vector<std::pair<std::uint32_t, double>> rows_us; ///< (rows, microseconds): straight between the points
  double output_us = 0, decode_context_us = 0, prefill_context_us = 0;
  std::vector<double> errors; ///< of each measurement: (model - measured) / measured

  double time_us(const measured_step& step) const;
  double median_error() const;  ///< of their amounts
  double largest_error() const;
};

/// Points of the curve stand at the powers of two up to the most rows measured, and at that.
fitted_costs fit_costs(const std::vector<step_measurement>& measurements);

} // namespace tokamak::app
