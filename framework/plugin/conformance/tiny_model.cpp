// The layers of a llama: attention with grouped heads, a gated feed-forward, norms before both.
#include "plugin/conformance/tiny_model.hpp"

#include <random>

#include "plugin/host.hpp"

namespace tokamak::plugin::conformance {
namespace {

using attribute = editable_graph::attribute;

attribute integer(std::string name, std::int64_t v) { return {std::move(name), TK_INTEGER, v, 0, {}, {}}; }
attribute real(std::string name, double v) { return {std::move(name), TK_REAL, 0, v, {}, {}}; }
attribute text(std::string name, std::string v) { return {std::move(name), TK_STRING, 0, 0, std::move(v), {}}; }

class builder {
 public:
  builder(tiny_model& m, std::uint64_t seed) : model_(m), random_(seed) {}

  std::uint32_t weight(const std::string& name, std::vector<std::uint64_t> dims, float mean = 0) {
    std::uint64_t n = 1;
    for (const auto d : dims) n *= d;
    std::uniform_real_distribution<float> spread(-0.25f, 0.25f);
    auto& data = model_.tensors[name];
    for (std::uint64_t i = 0; i < n; ++i) data.push_back(mean + spread(random_));
    return model_.graph.add({name, TK_WEIGHT, TK_F32, std::move(dims), 0});
  }
  std::uint32_t op(const std::string& kind, const std::string& name, std::uint64_t width,
                   std::vector<std::uint32_t> inputs, std::vector<attribute> attributes = {},
                   tk_value_kind rows = TK_ROWS, std::uint32_t flags = 0) {
    const std::uint32_t y = model_.graph.add({name, rows, TK_F32, {width}, flags});
    model_.graph.ops.push_back({"tokamak." + kind, 1, std::move(inputs), {y}, std::move(attributes)});
    return y;
  }
  std::uint32_t norm(const std::string& name, std::uint32_t x, tk_value_kind rows = TK_ROWS) {
    return op("rms_norm", name, tiny_model::width, {x, weight(name + ".weight", {tiny_model::width}, 1)},
              {real("eps", 1e-5)}, rows);
  }
  std::uint32_t linear(const std::string& name, std::uint32_t x, std::uint64_t from, std::uint64_t to) {
    return op("matmul", name, to, {x, weight(name + ".weight", {from, to}), TK_NO_VALUE});
  }
  std::uint32_t layer(std::uint32_t x, std::uint32_t index);

 private:
  tiny_model& model_;
  std::mt19937_64 random_;
};

std::uint32_t builder::layer(std::uint32_t x, std::uint32_t index) {
  using m = tiny_model;
  const std::string b = "blk." + std::to_string(index) + ".";
  const auto rope = [&](const std::string& name, std::uint32_t v, std::uint32_t heads) {
    return op("rope", name, heads * m::head_dim, {v, TK_NO_VALUE},
              {integer("heads", heads), integer("head_dim", m::head_dim), integer("rotary_dims", m::head_dim),
               text("style", "interleaved"), real("freq_base", 10000)});
  };
  const auto h = norm(b + "attn_norm", x);
  const auto q = rope(b + "q_rope", linear(b + "attn_q", h, m::width, m::heads * m::head_dim), m::heads);
  const auto k = rope(b + "k_rope", linear(b + "attn_k", h, m::width, m::kv_heads * m::head_dim), m::kv_heads);
  const auto v = linear(b + "attn_v", h, m::width, m::kv_heads * m::head_dim);
  model_.graph.ops.push_back({"tokamak.kv_write", 1, {k, v}, {}, {integer("group", 0), integer("layer", index)}});
  const auto a = op("attention", b + "attn", m::heads * m::head_dim, {q},
                    {integer("group", 0), integer("layer", index), integer("heads", m::heads),
                     integer("kv_heads", m::kv_heads), integer("head_dim", m::head_dim), real("scale", 0.25)});
  const auto x1 =
      op("add", b + "attn_residual", m::width, {x, linear(b + "attn_output", a, m::heads * m::head_dim, m::width)});
  const auto f = norm(b + "ffn_norm", x1);
  const auto gate = linear(b + "ffn_gate", f, m::width, m::hidden);
  const auto up = linear(b + "ffn_up", f, m::width, m::hidden);
  const auto glu = op("glu", b + "ffn_act", m::hidden, {gate, up}, {text("activation", "silu")});
  return op("add", b + "ffn_residual", m::width, {x1, linear(b + "ffn_down", glu, m::hidden, m::width)});
}

} // namespace

tiny_model::tiny_model(std::uint64_t seed) {
  builder b(*this, seed);
  tk_cache_group group{};
  group.name = to_tk(graph.group_names.emplace_back("full"));
  group.kind = TK_GROUP_FULL;
  group.n_layers = layers;
  group.block_size = block_size;
  group.k_width = group.v_width = kv_heads * head_dim;
  group.format = TK_F16;
  graph.groups.push_back(group);
  std::uint32_t x = b.op("embed", "embedded", width, {b.weight("token_embd.weight", {width, vocabulary})});
  for (std::uint32_t i = 0; i < layers; ++i) x = b.layer(x, i);
  const auto taken = b.op("take_outputs", "taken", width, {x}, {}, TK_OUTPUT_ROWS);
  const auto normed = b.norm("output_norm", taken, TK_OUTPUT_ROWS);
  b.op("matmul", "logits", vocabulary, {normed, b.weight("output.weight", {width, vocabulary}), TK_NO_VALUE}, {},
       TK_OUTPUT_ROWS, TK_VALUE_OUTPUT);
}

} // namespace tokamak::plugin::conformance
