// The primitive ops as CONTRACTS.md ("Graph") defines them, in double where sums are long. Empty: done; else why not.
#include <cmath>
#include <functional>

#include "plugin/conformance/evaluation.hpp"

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

float silu(float x) { return x / (1.0f + std::exp(-x)); }
float gelu(float x) { return 0.5f * x * (1.0f + std::tanh(0.7978845608028654f * (x + 0.044715f * x * x * x))); }

} // namespace

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
  if (name == "tokamak.softcap")
    return each([c = static_cast<float>(real("cap", 1))](float x) { return c * std::tanh(x / c); });
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
    for (std::uint64_t i = 0; i < width; ++i)
      y[t * width + i] = scale * table.at(static_cast<std::size_t>(tokens_[t]) * width + i);
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
        const double angle = static_cast<double>(r) * scale *
                             std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(turned)) / divisor;
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
  const std::uint64_t group = integer("group"), heads = integer("heads"), kv_heads = integer("kv_heads"),
                      dim = integer("head_dim");
  if (group >= graph_.n_groups || !cache_[group].contains(integer("layer")))
    return "reads a layer that was not written";
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
        for (std::uint64_t i = 0; i < dim; ++i)
          dot += double{q.data[r * q.width + h * dim + i]} * stored.k[s * g.k_width + shared * dim + i];
        p[s - first] = cap > 0 ? cap * std::tanh(dot * scale / cap) : dot * scale;
      }
      const double most = *std::max_element(p.begin(), p.end());
      double sum = 0;
      for (double& x : p) sum += x = std::exp(x - most);
      for (std::size_t s = first; s <= r; ++s)
        for (std::uint64_t i = 0; i < v_dim; ++i)
          y[r * heads * v_dim + h * v_dim + i] +=
              static_cast<float>(p[s - first] / sum * stored.v[s * g.v_width + shared * v_dim + i]);
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

} // namespace tokamak::plugin::conformance
