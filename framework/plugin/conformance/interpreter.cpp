// Interpreting graphs: the kernels that a caller brings, the result, and how far two results are apart.
#include "plugin/conformance/interpreter.hpp"

#include <algorithm>
#include <cmath>

#include "plugin/conformance/evaluation.hpp"

namespace tokamak::plugin::conformance {

std::string evaluation::custom(const tk_kernel& kernel) {
  std::vector<const float*> inputs;
  std::vector<const void*> raw;
  std::vector<std::uint64_t> in_widths, out_widths;
  std::vector<float*> outputs;
  std::vector<std::uint32_t> positions;
  std::size_t n = tokens_.size();
  for (std::uint32_t i = 0; i < op_->n_inputs; ++i) {
    const bool is_weight = has(i) && shape(i).kind == TK_WEIGHT;
    if (has(i) && shape(i).kind == TK_OUTPUT_ROWS) n = output_rows_.size();
    inputs.push_back(has(i) && !is_weight ? in(i).data.data() : nullptr);
    raw.push_back(is_weight ? weight(i).data() : nullptr);
    in_widths.push_back(has(i) ? shape(i).dims[0] : 0);
  }
  for (std::uint32_t i = 0; i < op_->n_outputs; ++i) {
    auto& v = values_[op_->outputs[i]];
    v.width = graph_.values[op_->outputs[i]].dims[0];
    v.data.assign(n * v.width, 0.0f);
    outputs.push_back(v.data.data());
    out_widths.push_back(v.width);
  }
  for (std::uint32_t r = 0; r < n; ++r) positions.push_back(n == tokens_.size() ? r : output_rows_[r]);
  tk_kernel_args args{sizeof args,
                      op_->n_inputs,
                      op_->n_outputs,
                      inputs.data(),
                      raw.data(),
                      in_widths.data(),
                      outputs.data(),
                      out_widths.data(),
                      0,
                      0,
                      positions.data(),
                      op_};
  // In two parts, as a backend with two threads calls it.
  const auto rows_total = static_cast<std::uint32_t>(n);
  for (const std::uint32_t end : {rows_total / 2, rows_total}) {
    args.row_end = end;
    if (args.row_begin < args.row_end) kernel.compute(&args);
    args.row_begin = end;
  }
  return {};
}

expected<std::map<std::string, rows_value>> interpret(const tk_graph_view& graph, const weights& w,
                                                      std::span<const std::int32_t> tokens,
                                                      std::span<const std::uint32_t> output_rows,
                                                      std::span<const tk_kernel> kernels) {
  evaluation e(graph, w, tokens, output_rows, kernels);
  if (auto ok = e.run(); !ok) return fail(std::move(ok.error()));
  return std::move(e).results();
}

double difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return INFINITY;
  double most = 0, largest = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(double{a[i]} - double{b[i]});
    if (std::isnan(d)) return INFINITY;
    most = std::max(most, d);
    largest = std::max(largest, std::fabs(double{b[i]}));
  }
  return most / largest;
}

} // namespace tokamak::plugin::conformance
