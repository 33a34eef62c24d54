// The primitive ops as CONTRACTS.md ("Graph") defines them, in double where sums are long.
#include "plugin/conformance/interpreter.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "plugin/host.hpp"

namespace tokamak::plugin::conformance {
namespace {

/// f32 → f16 → f32, round to nearest even; what a value is after a stay in an f16 cache.
float through_f16(float x) {
  if (!std::isfinite(x)) return x;
  const float magnitude = std::fabs(x);
  if (magnitude >= 65520.0f) return std::copysign(INFINITY, x);
  const int exponent = std::max(std::ilogb(std::max(magnitude, 0x1p-24f)), -14);
  const float step = std::ldexp(1.0f, exponent - 10);
  return std::nearbyint(x / step) * step;
}

/// One op with its graph, its inputs' data and room for its outputs.
class evaluation {
 public:
  evaluation(const tk_graph_view& g, const weights& w, std::span<const std::int32_t> tokens, std::span<const std::uint32_t> outputs,
             std::span<const tk_kernel> kernels)
      : graph_(g), weights_(w), tokens_(tokens), output_rows_(outputs), kernels_(kernels), values_(g.n_values), cache_(g.n_groups) {}

  expected<void> run() {
    for (std::size_t i = 0; i < graph_.n_ops; ++i) {
      op_ = &graph_.ops[i];
      const std::string_view name = from_tk(op_->name);
      if (const std::string why = compute(name); !why.empty()) return fail(errc::unsupported, fmt::format("op {} ({}): {}", i, name, why));
    }
    return {};
  }
  std::map<std::string, rows_value> results() && {
    std::map<std::string, rows_value> found;
    for (std::size_t i = 0; i < graph_.n_values; ++i)
      if (graph_.values[i].flags & TK_VALUE_OUTPUT) found.emplace(from_tk(graph_.values[i].name), std::move(values_[i]));
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

float silu(float x) { return x / (1.0f + std::exp(-x)); }
float gelu(float x) { return 0.5f * x * (1.0f + std::tanh(0.7978845608028654f * (x + 0.044715f * x * x * x))); }

std::string evaluation::compute(std::string_view name) {
  for (const auto& k : kernels_)
    if (from_tk(k.op_name) == name && k.op_version == op_->version) return custom(k);
  if (name == "tokamak.embed") return embed();
  if (name == "tokamak.rms_norm") return rms_norm();
  if (name == "tokamak.matmul") return matmul();
  if (name == "tokamak.rope") return rope();
  if (name == "tokamak.kv_write") return kv_write();
  if (name == "tokamak.attention") return attention();
  if (name == "tokamak.take_outputs") return take_outputs();
  if (name == "tokamak.add") return both(std::plus<float>());
  if (name == "tokamak.mul") return both(std::multiplies<float>());
  if (name == "tokamak.scale") return each([f = static_cast<float>(real("factor", 1))](float x) { return f * x; });
  if (name == "tokamak.softcap") return each([c = static_cast<float>(real("cap", 1))](float x) { return c * std::tanh(x / c); });
  if (name == "tokamak.silu") return each(silu);
  if (name == "tokamak.gelu") return each(gelu);
  if (name == "tokamak.glu") {
    float (*activation)(float) = text("activation") == "gelu" ? &gelu : &silu;
    return both([activation](float gate, float up) { return activation(gate) * up; });
  }
  return "is not known here";
}

std::string evaluation::embed() {
  const auto& table = weight(0);
  const std::uint64_t width = shape(0).dims[0];
  const auto scale = static_cast<float>(real("scale", 1));
  auto& y = out(tokens_.size(), width);
  for (std::size_t t = 0; t < tokens_.size(); ++t)
    for (std::uint64_t i = 0; i < width; ++i) y[t * width + i] = scale * table.at(static_cast<std::size_t>(tokens_[t]) * width + i);
  return {};
}

std::string evaluation::rms_norm() {
  const auto& x = in(0);
  const auto& w = weight(1);
  const std::uint64_t n = shape(1).dims[0];
  if (x.width % n || w.size() != n) return "its weight does not divide the width";
  const double eps = real("eps", 1e-5), offset = real("weight_offset", 0);
  auto& y = out(rows(x), x.width);
  for (std::size_t g = 0; g < x.data.size(); g += n) {
    double squares = 0;
    for (std::uint64_t i = 0; i < n; ++i) squares += double{x.data[g + i]} * x.data[g + i];
    const double factor = 1.0 / std::sqrt(squares / static_cast<double>(n) + eps);
    for (std::uint64_t i = 0; i < n; ++i) y[g + i] = static_cast<float>(x.data[g + i] * factor * (w[i] + offset));
  }
  return {};
}

std::string evaluation::matmul() {
  const auto& x = in(0);
  const auto& w = weight(1);
  const std::uint64_t k = shape(1).dims[0], n = shape(1).dims[1];
  if (x.width != k || w.size() != k * n) return "its weight does not fit the width";
  auto& y = out(rows(x), n);
  for (std::size_t r = 0; r < rows(x); ++r)
    for (std::uint64_t j = 0; j < n; ++j) {
      double sum = has(2) ? weight(2).at(j) : 0.0;
      for (std::uint64_t i = 0; i < k; ++i) sum += double{x.data[r * k + i]} * w[j * k + i];
      y[r * n + j] = static_cast<float>(sum);
    }
  return {};
}

std::string evaluation::rope() {
  if (real("ext_factor", 0) != 0) return "YaRN is not computed here";
  const auto& x = in(0);
  const std::uint64_t heads = integer("heads"), dim = integer("head_dim"), turned = integer("rotary_dims");
  if (x.width != heads * dim) return "heads * head_dim is not the width";
  const bool halves = text("style") == "halves";
  const double base = real("freq_base", 10000), scale = real("freq_scale", 1);
  auto& y = out(rows(x), x.width);
  y = x.data;
  for (std::size_t r = 0; r < rows(x); ++r)
    for (std::uint64_t h = 0; h < heads; ++h)
      for (std::uint64_t i = 0; i < turned / 2; ++i) {
        const double divisor = has(1) ? weight(1).at(i) : 1.0;
        const double angle = static_cast<double>(r) * scale * std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(turned)) / divisor;
        const std::size_t at = r * x.width + h * dim;
        const std::size_t a = at + (halves ? i : 2 * i), b = at + (halves ? i + turned / 2 : 2 * i + 1);
        y[a] = static_cast<float>(x.data[a] * std::cos(angle) - x.data[b] * std::sin(angle));
        y[b] = static_cast<float>(x.data[a] * std::sin(angle) + x.data[b] * std::cos(angle));
      }
  return {};
}

std::string evaluation::kv_write() {
  const std::uint64_t group = integer("group");
  if (group >= graph_.n_groups) return "its group does not exist";
  kv stored{in(0).data, in(1).data};
  if (graph_.groups[group].format == TK_F16)
    for (auto* list : {&stored.k, &stored.v}) std::transform(list->begin(), list->end(), list->begin(), through_f16);
  cache_[group][integer("layer")] = std::move(stored);
  return {};
}

std::string evaluation::attention() {
  const std::uint64_t group = integer("group"), heads = integer("heads"), kv_heads = integer("kv_heads"), dim = integer("head_dim");
  if (group >= graph_.n_groups || !cache_[group].contains(integer("layer"))) return "reads a layer that was not written";
  const kv& stored = cache_[group].at(integer("layer"));
  const auto& g = graph_.groups[group];
  const std::size_t window = g.kind == TK_GROUP_SLIDING ? g.window : SIZE_MAX;
  const std::uint64_t v_dim = g.v_width / kv_heads;
  const double scale = real("scale", 1), cap = real("softcap", 0);
  const auto& q = in(0);
  auto& y = out(rows(q), heads * v_dim);
  std::vector<double> p;
  for (std::size_t r = 0; r < rows(q); ++r)
    for (std::uint64_t h = 0; h < heads; ++h) {
      const std::uint64_t shared = h / (heads / kv_heads);
      const std::size_t first = r + 1 > window ? r + 1 - window : 0;
      p.assign(r + 1 - first, 0);
      for (std::size_t s = first; s <= r; ++s) {
        double dot = 0;
        for (std::uint64_t i = 0; i < dim; ++i) dot += double{q.data[r * q.width + h * dim + i]} * stored.k[s * g.k_width + shared * dim + i];
        p[s - first] = cap > 0 ? cap * std::tanh(dot * scale / cap) : dot * scale;
      }
      const double most = *std::max_element(p.begin(), p.end());
      double sum = 0;
      for (double& x : p) sum += x = std::exp(x - most);
      for (std::size_t s = first; s <= r; ++s)
        for (std::uint64_t i = 0; i < v_dim; ++i)
          y[r * heads * v_dim + h * v_dim + i] += static_cast<float>(p[s - first] / sum * stored.v[s * g.v_width + shared * v_dim + i]);
    }
  return {};
}

std::string evaluation::take_outputs() {
  const auto& x = in(0);
  auto& y = out(output_rows_.size(), x.width);
  for (std::size_t o = 0; o < output_rows_.size(); ++o)
    std::copy_n(x.data.begin() + static_cast<std::ptrdiff_t>(output_rows_[o] * x.width), x.width,
                y.begin() + static_cast<std::ptrdiff_t>(o * x.width));
  return {};
}

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
  tk_kernel_args args{sizeof args, op_->n_inputs, op_->n_outputs, inputs.data(), raw.data(), in_widths.data(), outputs.data(),
                      out_widths.data(), 0, 0, positions.data(), op_};
  // In two parts, as a backend with two threads calls it.
  const auto rows_total = static_cast<std::uint32_t>(n);
  for (const std::uint32_t end : {rows_total / 2, rows_total}) {
    args.row_end = end;
    if (args.row_begin < args.row_end) kernel.compute(&args);
    args.row_begin = end;
  }
  return {};
}

} // namespace

expected<std::map<std::string, rows_value>> interpret(const tk_graph_view& graph, const weights& w, std::span<const std::int32_t> tokens,
                                                      std::span<const std::uint32_t> output_rows, std::span<const tk_kernel> kernels) {
  evaluation e(graph, w, tokens, output_rows, kernels);
  if (auto ok = e.run(); !ok) return fail(std::move(ok.error()));
  return std::move(e).results();
}

double difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return INFINITY;
  double most = 0, largest = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(double{a[i]} - double{b[i]});
    if (!(d <= most)) most = d; // a NaN stays
    largest = std::max(largest, std::fabs(double{b[i]}));
  }
  return std::isnan(most) ? INFINITY : most / largest;
}

} // namespace tokamak::plugin::conformance
