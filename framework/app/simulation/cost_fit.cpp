// Few unknowns: the normal equations, solved by elimination. Coefficients that come out negative are held at zero, one at a
// time, and the rest solved again.
#include "app/simulation/cost_fit.hpp"

#include <algorithm>
#include <cmath>

namespace tokamak::app {
namespace {

using row = std::vector<double>;

std::vector<std::uint32_t> knots_for(const std::vector<step_measurement>& measurements) {
  double most = 1;
  for (const auto& m : measurements)
    for (const auto& s : m.steps) most = std::max(most, s.rows);
  std::vector<std::uint32_t> knots;
  for (std::uint32_t k = 1; k < most; k *= 2) knots.push_back(k);
  knots.push_back(static_cast<std::uint32_t>(most));
  return knots;
}

// Adds a step's terms: how much of each point of the curve, then the other coefficients.
void add_terms(const measured_step& s, const std::vector<std::uint32_t>& knots, row& terms) {
  std::size_t right = 1;
  while (right + 1 < knots.size() && knots[right] < s.rows) ++right;
  if (knots.size() == 1) {
    terms[0] += 1;
  } else {
    const double part = std::max(0.0, (s.rows - knots[right - 1]) / (knots[right] - knots[right - 1]));
    terms[right - 1] += 1 - part;
    terms[right] += part;
  }
  terms[knots.size()] += s.outputs;
  terms[knots.size() + 1] += s.decode_context;
  terms[knots.size() + 2] += s.prefill_context;
}

// a x = b, a symmetric; unknowns that nothing tells apart get the smaller share of what is left.
row solve(std::vector<row> a, row b) {
  const auto n = b.size();
  for (std::size_t i = 0; i < n; ++i) a[i][i] += 1e-9;
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t pivot = i;
    for (std::size_t j = i + 1; j < n; ++j)
      if (std::abs(a[j][i]) > std::abs(a[pivot][i])) pivot = j;
    std::swap(a[i], a[pivot]);
    std::swap(b[i], b[pivot]);
    for (std::size_t j = i + 1; j < n; ++j) {
      const double factor = a[j][i] / a[i][i];
      for (std::size_t k = i; k < n; ++k) a[j][k] -= factor * a[i][k];
      b[j] -= factor * b[i];
    }
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

/// x of at least 0 with |terms x - 1| small: each row is divided by what was measured, so that errors are relative.
row least_squares(const std::vector<row>& terms) {
  const auto n = terms.front().size();
  row scale(n, 0); // columns of one size make the equations well-conditioned
  for (const auto& t : terms)
    for (std::size_t i = 0; i < n; ++i) scale[i] = std::max(scale[i], std::abs(t[i]));
  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < n; ++i)
    if (scale[i] > 0) used.push_back(i);
  row x(n, 0);
  while (!used.empty()) {
    std::vector<row> a(used.size(), row(used.size(), 0));
    row b(used.size(), 0);
    for (const auto& t : terms)
      for (std::size_t i = 0; i < used.size(); ++i) {
        b[i] += t[used[i]] / scale[used[i]];
        for (std::size_t j = 0; j < used.size(); ++j) a[i][j] += t[used[i]] / scale[used[i]] * t[used[j]] / scale[used[j]];
      }
    const auto solved = solve(a, b);
    const auto worst = std::min_element(solved.begin(), solved.end());
    if (*worst >= 0) {
      for (std::size_t i = 0; i < used.size(); ++i) x[used[i]] = solved[i] / scale[used[i]];
      break;
    }
    used.erase(used.begin() + (worst - solved.begin()));
  }
  return x;
}

row amounts(const row& errors) {
  row out;
  for (const auto e : errors) out.push_back(std::abs(e));
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace

double fitted_costs::time_us(const measured_step& step) const {
  std::vector<std::uint32_t> knots;
  row x;
  for (const auto& [rows, us] : rows_us) {
    knots.push_back(rows);
    x.push_back(us);
  }
  x.insert(x.end(), {output_us, decode_context_us, prefill_context_us});
  row terms(x.size(), 0);
  add_terms(step, knots, terms);
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += terms[i] * x[i];
  return sum;
}

double fitted_costs::median_error() const { return errors.empty() ? 0 : amounts(errors)[errors.size() / 2]; }

double fitted_costs::largest_error() const { return errors.empty() ? 0 : amounts(errors).back(); }

fitted_costs fit_costs(const std::vector<step_measurement>& measurements) {
  fitted_costs fit;
  if (measurements.empty()) return fit;
  const auto knots = knots_for(measurements);
  std::vector<row> terms;
  for (const auto& m : measurements) {
    row sum(knots.size() + 3, 0);
    for (const auto& s : m.steps) add_terms(s, knots, sum);
    for (auto& t : sum) t /= m.us;
    terms.push_back(std::move(sum));
  }
  const auto x = least_squares(terms);
  for (std::size_t i = 0; i < knots.size(); ++i) fit.rows_us.emplace_back(knots[i], x[i]);
  fit.output_us = x[knots.size()];
  fit.decode_context_us = x[knots.size() + 1];
  fit.prefill_context_us = x[knots.size() + 2];
  for (const auto& t : terms) {
    double ratio = 0;
    for (std::size_t i = 0; i < x.size(); ++i) ratio += t[i] * x[i];
    fit.errors.push_back(ratio - 1);
  }
  return fit;
}

} // namespace tokamak::app
