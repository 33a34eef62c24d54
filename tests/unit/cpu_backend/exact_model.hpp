// What a graph means, evaluated in double precision for one sequence from its beginning: the yardstick for the backend.
#pragma once

#include "tiny_model.hpp"

namespace cpu_test {

class exact_model {
public:
  explicit exact_model(const model& m) : model_(m) {}

  /// Values of every op for the tokens' rows; returns those of `wanted`, [rows][width]. take_outputs takes all rows.
  std::vector<std::vector<float>> run(const std::vector<std::int32_t>& tokens, const std::string& wanted) {
    tokens_ = tokens;
    for (const auto& op : model_.graph.ops()) visit(op);
    std::vector<std::vector<float>> out;
    for (const auto& row : values_.at(model_.graph.find_value(wanted))) out.emplace_back(row.begin(), row.end());
    return out;
  }
  /// Sets an input of the graph.
  void set(value_id id, const std::vector<std::vector<double>>& rows) { values_[id] = rows; }

private:
  using rows = std::vector<std::vector<double>>;
  using op_type = tokamak::graph_op;

  std::vector<double> weight(value_id id) const {
    const auto f = model_.values(id);
    return {f.begin(), f.end()};
  }
  static double silu(double x) { return x / (1 + std::exp(-x)); }
  static double gelu(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }

  void visit(const op_type& op) {
    const std::string name = op.name.substr(8);
    if (name == "kv_write") return kv_write(op);
    rows& out = values_[op.outputs[0]];
    if (name == "embed") return embed(op, out);
    const rows& x = values_.at(op.inputs[0]);
    out = x;
    if (name == "matmul") return matmul(op, x, out);
    if (name == "rms_norm") return rms_norm(op, out);
    if (name == "rope") return rope(op, out);
    if (name == "attention") return attention(op, x, out);
    if (name == "decay_scan") {
      for (std::size_t t = 1; t < out.size(); ++t)
        for (std::size_t i = 0; i < out[t].size(); ++i) out[t][i] += real_attribute(op, "decay") * out[t - 1][i];
      return;
    }
    const bool two = op.inputs.size() > 1;
    for (std::size_t t = 0; t < out.size(); ++t)
      for (std::size_t i = 0; i < out[t].size(); ++i)
        out[t][i] = value(op, name, x[t][i], two ? values_.at(op.inputs[1])[t][i] : 0);
  }

  static double value(const op_type& op, const std::string& name, double x, double y) {
    if (name == "add") return x + y;
    if (name == "mul") return x * y;
    if (name == "scale") return x * real_attribute(op, "factor");
    if (name == "softcap") return real_attribute(op, "cap") * std::tanh(x / real_attribute(op, "cap"));
    if (name == "silu") return silu(x);
    if (name == "gelu") return gelu(x);
    if (name == "glu")
      return (std::get<std::string>(*find_attribute(op, "activation")) == "silu" ? silu(x) : gelu(x)) * y;
    if (name == "take_outputs") return x;
    throw std::runtime_error("no exact version of " + name);
  }

  void embed(const op_type& op, rows& out) const {
    const auto table = weight(op.inputs[0]);
    const auto width = model_.graph.values()[op.outputs[0]].width();
    for (const auto token : tokens_) {
      out.emplace_back();
      for (std::size_t i = 0; i < width; ++i)
        out.back().push_back(table[static_cast<std::size_t>(token) * width + i] * real_attribute(op, "scale", 1));
    }
  }

  void matmul(const op_type& op, const rows& x, rows& out) const {
    const auto w = weight(op.inputs[1]);
    const auto bias = op.inputs.size() > 2 && op.inputs[2] != no_value ? weight(op.inputs[2]) : std::vector<double>();
    const auto width = model_.graph.values()[op.outputs[0]].width();
    for (std::size_t t = 0; t < x.size(); ++t) {
      out[t].assign(width, 0);
      for (std::size_t n = 0; n < width; ++n) {
        for (std::size_t k = 0; k < x[t].size(); ++k) out[t][n] += w[n * x[t].size() + k] * x[t][k];
        if (!bias.empty()) out[t][n] += bias[n];
      }
    }
  }

  void rms_norm(const op_type& op, rows& out) const {
    const auto w = weight(op.inputs[1]);
    for (auto& row : out)
      for (std::size_t first = 0; first < row.size(); first += w.size()) {
        double squares = 0;
        for (std::size_t i = 0; i < w.size(); ++i) squares += row[first + i] * row[first + i];
        const double root = std::sqrt(squares / static_cast<double>(w.size()) + real_attribute(op, "eps"));
        for (std::size_t i = 0; i < w.size(); ++i)
          row[first + i] *= (w[i] + real_attribute(op, "weight_offset", 0)) / root;
      }
  }

  void rope(const op_type& op, rows& out) const {
    const auto dim = static_cast<std::size_t>(integer_attribute(op, "head_dim")),
               rotary = static_cast<std::size_t>(integer_attribute(op, "rotary_dims"));
    const bool halves = std::get<std::string>(*find_attribute(op, "style")) == "halves";
    for (std::size_t t = 0; t < out.size(); ++t)
      for (std::size_t head = 0; head < out[t].size(); head += dim)
        for (std::size_t i = 0; i < rotary / 2; ++i) {
          const double angle =
              static_cast<double>(t) * real_attribute(op, "freq_scale", 1) /
              std::pow(real_attribute(op, "freq_base"), 2.0 * static_cast<double>(i) / static_cast<double>(rotary));
          double& a = out[t][head + (halves ? i : 2 * i)];
          double& b = out[t][head + (halves ? i + rotary / 2 : 2 * i + 1)];
          const double rotated = a * std::cos(angle) - b * std::sin(angle);
          b = a * std::sin(angle) + b * std::cos(angle);
          a = rotated;
        }
  }

  void kv_write(const op_type& op) {
    const auto key = std::pair(integer_attribute(op, "group"), integer_attribute(op, "layer"));
    auto& [k, v] = stored_[key];
    k = values_.at(op.inputs[0]);
    v = values_.at(op.inputs[1]);
    if (model_.graph.groups()[static_cast<std::size_t>(key.first)].format == TK_F32) return;
    for (auto* list : {&k, &v})
      for (auto& row : *list)
        for (double& x : row)
          x = static_cast<double>(tokamak::kernels::f16_to_f32(tokamak::kernels::f32_to_f16(static_cast<float>(x))));
  }

  void attention(const op_type& op, const rows& q, rows& out) const {
    const auto group = integer_attribute(op, "group");
    const auto& [k, v] = stored_.at({group, integer_attribute(op, "layer")});
    const auto& about = model_.graph.groups()[static_cast<std::size_t>(group)];
    const auto heads = static_cast<std::size_t>(integer_attribute(op, "heads")),
               kv_heads = static_cast<std::size_t>(integer_attribute(op, "kv_heads"));
    const std::size_t dim = about.k_width / kv_heads, value_dim = about.v_width / kv_heads;
    for (std::size_t t = 0; t < q.size(); ++t) {
      out[t].assign(heads * value_dim, 0);
      const std::size_t first = about.kind == TK_GROUP_SLIDING && t + 1 > about.window ? t + 1 - about.window : 0;
      for (std::size_t head = 0; head < heads; ++head) {
        const std::size_t kv_head = head / (heads / kv_heads);
        double weights = 0;
        for (std::size_t key = first; key <= t; ++key) {
          double dot = 0;
          for (std::size_t d = 0; d < dim; ++d) dot += q[t][head * dim + d] * k[key][kv_head * dim + d];
          dot *= real_attribute(op, "scale");
          if (const double cap = real_attribute(op, "softcap", 0); cap > 0) dot = cap * std::tanh(dot / cap);
          const double weight = std::exp(dot);
          weights += weight;
          for (std::size_t d = 0; d < value_dim; ++d)
            out[t][head * value_dim + d] += weight * v[key][kv_head * value_dim + d];
        }
        for (std::size_t d = 0; d < value_dim; ++d) out[t][head * value_dim + d] /= weights;
      }
    }
  }

  const model& model_;
  std::vector<std::int32_t> tokens_;
  std::map<value_id, rows> values_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::pair<rows, rows>> stored_;
};

} // namespace cpu_test
