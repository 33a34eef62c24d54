// Reading the coefficients, measuring a step, and the sum.
#include "cost_model.hpp"

#include <algorithm>

namespace tokamak::simulated {
namespace {

constexpr double most_us = 1e9; // a thousand seconds

double coefficient(const sdk::option_table& o, std::string_view key) { return o.real(key, 0, most_us); }

} // namespace

double attended(std::uint32_t position, const std::vector<attention_span>& spans) {
  const double all = position + 1.0;
  double sum = 0, layers = 0;
  for (const auto& s : spans) {
    sum += s.layers * (s.window > 0 ? std::min<double>(all, s.window) : all);
    layers += s.layers;
  }
  return layers > 0 ? sum / layers : 0;
}

step_shape shape_of(const tk_step& step, const std::vector<attention_span>& spans) {
  step_shape shape;
  shape.rows = step.n_rows;
  shape.sequences = step.n_sequences;
  shape.outputs = step.n_outputs;
  for (std::uint32_t s = 0; s < step.n_sequences; ++s) {
    const auto& sequence = step.sequences[s];
    auto& context = sequence.row_count == 1 ? shape.decode_context : shape.prefill_context;
    for (std::uint32_t r = 0; r < sequence.row_count; ++r) context += attended(step.positions[sequence.row_begin + r], spans);
  }
  return shape;
}

cost_model::cost_model(const sdk::option_table& o)
    : step_us_(coefficient(o, "step_us")), row_us_(coefficient(o, "row_us")), sequence_us_(coefficient(o, "sequence_us")),
      output_us_(coefficient(o, "output_us")), decode_context_us_(coefficient(o, "decode_context_us")),
      prefill_context_us_(coefficient(o, "prefill_context_us")), share_(o.real("share", 0, 1)), curve_(read_curve(o)) {}

std::vector<cost_model::point> cost_model::read_curve(const sdk::option_table& o) {
  std::vector<point> curve;
  if (!o.has("rows_us")) return curve;
  for (const auto& element : o.get("rows_us").array()) {
    const auto pair = element.array();
    if (pair.size() != 2) element.fail("expected [rows, microseconds]");
    const point p{pair[0].real(1, 1e9), pair[1].real(0, most_us)};
    if (!curve.empty() && p.rows <= curve.back().rows) element.fail("expected more rows than in the point before");
    curve.push_back(p);
  }
  return curve;
}

// Straight lines; the last one goes on, before the first point it is flat.
double cost_model::curve_us(double rows) const {
  if (curve_.empty()) return 0;
  if (rows <= curve_.front().rows || curve_.size() == 1) return curve_.front().us;
  auto right = std::find_if(curve_.begin() + 1, curve_.end(), [&](const point& p) { return p.rows >= rows; });
  if (right == curve_.end()) --right;
  const auto& left = *(right - 1);
  return std::max(0.0, left.us + (right->us - left.us) * (rows - left.rows) / (right->rows - left.rows));
}

double cost_model::time_us(const step_shape& s) const {
  return share_ * (step_us_ + row_us_ * s.rows + curve_us(s.rows) + sequence_us_ * s.sequences + output_us_ * s.outputs +
                   decode_context_us_ * s.decode_context + prefill_context_us_ * s.prefill_context);
}

} // namespace tokamak::simulated
