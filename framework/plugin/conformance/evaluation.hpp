// The interpreter at work: one graph, the values computed so far, and a function per primitive op.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/conformance/interpreter.hpp"
#include "plugin/host.hpp"

namespace tokamak::plugin::conformance {

/// One op with its graph, its inputs' data and room for its outputs.
class evaluation {
 public:
  evaluation(const tk_graph_view& g, const weights& w, std::span<const std::int32_t> tokens,
             std::span<const std::uint32_t> outputs, std::span<const tk_kernel> kernels)
      : graph_(g),
        weights_(w),
        tokens_(tokens),
        output_rows_(outputs),
        kernels_(kernels),
        values_(g.n_values),
        cache_(g.n_groups) {}

  expected<void> run() {
    for (std::size_t i = 0; i < graph_.n_ops; ++i) {
      op_ = &graph_.ops[i];
      const std::string_view name = from_tk(op_->name);
      if (const std::string why = compute(name); !why.empty())
        return fail(errc::unsupported, fmt::format("op {} ({}): {}", i, name, why));
    }
    return {};
  }
  std::map<std::string, rows_value> results() && {
    std::map<std::string, rows_value> found;
    for (std::size_t i = 0; i < graph_.n_values; ++i)
      if (graph_.values[i].flags & TK_VALUE_OUTPUT)
        found.emplace(from_tk(graph_.values[i].name), std::move(values_[i]));
    return found;
  }

 private:
  struct kv {
    std::vector<float> k, v; // [rows][width]
  };

  const tk_attribute* attribute(std::string_view name) const {
    for (std::uint32_t i = 0; i < op_->n_attributes; ++i)
      if (from_tk(op_->attributes[i].name) == name) return &op_->attributes[i];
    return nullptr;
  }
  double real(std::string_view name, double otherwise) const {
    const auto* a = attribute(name);
    if (!a) return otherwise;
    return a->type == TK_INTEGER ? static_cast<double>(a->integer) : a->real;
  }
  std::uint64_t integer(std::string_view name) const {
    const auto* a = attribute(name);
    return a ? static_cast<std::uint64_t>(a->integer) : 0;
  }
  std::string_view text(std::string_view name) const {
    const auto* a = attribute(name);
    return a ? from_tk(a->string) : std::string_view{};
  }

  bool has(std::uint32_t i) const { return i < op_->n_inputs && op_->inputs[i] != TK_NO_VALUE; }
  const tk_value& shape(std::uint32_t i) const { return graph_.values[op_->inputs[i]]; }
  const rows_value& in(std::uint32_t i) const { return values_[op_->inputs[i]]; }
  const std::vector<float>& weight(std::uint32_t i) const {
    static const std::vector<float> none;
    const auto it = weights_.find(from_tk(shape(i).name));
    return it == weights_.end() ? none : it->second;
  }
  /// The first output, sized to rows × width.
  std::vector<float>& out(std::size_t rows, std::uint64_t width) {
    auto& v = values_[op_->outputs[0]];
    v.width = width;
    v.data.assign(rows * width, 0.0f);
    return v.data;
  }
  std::size_t rows(const rows_value& v) const { return v.width ? v.data.size() / v.width : 0; }

  std::string compute(std::string_view name);
  std::string embed();
  std::string rms_norm();
  std::string matmul();
  std::string rope();
  std::string kv_write();
  std::string attention();
  std::string take_outputs();
  std::string custom(const tk_kernel& kernel);
  template <class Function>
  std::string each(Function&& f) {
    const auto& x = in(0);
    auto& y = out(rows(x), x.width);
    std::transform(x.data.begin(), x.data.end(), y.begin(), f);
    return {};
  }
  template <class Function>
  std::string both(Function&& f) {
    const auto &a = in(0), &b = in(1);
    if (a.data.size() != b.data.size()) return "its inputs differ in size";
    auto& y = out(rows(a), a.width);
    std::transform(a.data.begin(), a.data.end(), b.data.begin(), y.begin(), f);
    return {};
  }

  const tk_graph_view& graph_;
  const weights& weights_;
  std::span<const std::int32_t> tokens_;
  std::span<const std::uint32_t> output_rows_;
  std::span<const tk_kernel> kernels_;
  std::vector<rows_value> values_;
  std::vector<std::map<std::uint64_t, kv>> cache_; // per group and layer
  const tk_op* op_ = nullptr;
};

} // namespace tokamak::plugin::conformance
