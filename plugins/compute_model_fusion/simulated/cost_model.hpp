// How long a step takes: a sum of terms that are linear in what the step holds. README.md says what each term stands for.
#pragma once

#include <tokamak/plugin.hpp>

#include <cstdint>
#include <vector>

namespace tokamak::simulated {

/// What a step's time depends on.
struct step_shape {
  double rows = 0;
  double sequences = 0;
  double outputs = 0;
  double decode_context = 0;  ///< tokens attended, summed over the rows of sequences with one row
  double prefill_context = 0; ///< the same, of sequences with several
};

/// A layer that attends: how far back.
struct attention_span {
  std::uint32_t layers = 0;
  std::uint32_t window = 0; ///< 0: everything
};

/// Tokens that a row at this position attends, itself included: the mean over the layers.
double attended(std::uint32_t position, const std::vector<attention_span>& spans);

/// The shape of a step for layers of these spans.
step_shape shape_of(const tk_step& step, const std::vector<attention_span>& spans);

/// Coefficients in microseconds. All of them at least 0.
class cost_model {
public:
  static constexpr tk_option_spec options[] = {
      sdk::optional("step_us", TK_REAL, "0", "each step"),
      sdk::optional("row_us", TK_REAL, "0", "each row"),
      {"rows_us", TK_ARRAY, 0, nullptr, "curve over the rows of a step, added: [[rows, microseconds], ...], straight between its points"},
      sdk::optional("sequence_us", TK_REAL, "0", "each sequence of a step"),
      sdk::optional("output_us", TK_REAL, "0", "each row whose logits are wanted"),
      sdk::optional("decode_context_us", TK_REAL, "0", "each token attended by the row of a sequence that has one row"),
      sdk::optional("prefill_context_us", TK_REAL, "0", "each token attended by a row of a sequence that has several"),
      sdk::optional("share", TK_REAL, "1", "part of all that, where a shard computes a part of the model (0 to 1)")};

  /// Fails with the place of the option at fault.
  explicit cost_model(const sdk::option_table& options);

  /// Microseconds.
  double time_us(const step_shape& shape) const;

private:
  struct point {
    double rows = 0;
    double us = 0;
  };
  static std::vector<point> read_curve(const sdk::option_table& options);
  double curve_us(double rows) const;

  double step_us_, row_us_, sequence_us_, output_us_, decode_context_us_, prefill_context_us_, share_;
  std::vector<point> curve_; ///< by rows, ascending
};

} // namespace tokamak::simulated
