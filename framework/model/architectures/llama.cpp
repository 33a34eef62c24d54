// Llama: pre-normalised blocks of grouped-query attention with rotary positions and a gated feed-forward (Touvron et
// al. 2023). Q and K of its GGUF files are permuted for interleaved rotary pairs.
#include "model/architectures/llama.hpp"

#include "model/architectures/model_source.hpp"
#include "model/architectures/rope_scaling.hpp"
#include "model/graph/primitive_ops.hpp"

#include <cmath>

namespace tokamak {

namespace {

/// D width, F feed-forward width, H heads, G K/V heads, Dk and Dv their widths.
struct llama_shape {
  std::uint32_t n_layers, D, F, H, G, Dk, Dv, vocab_size, context_length;
  double eps, attention_scale;
  rope_settings rope;
};

llama_shape read_shape(model_source& source) {
  llama_shape s{};
  s.n_layers = source.count("block_count");
  s.context_length = source.count("context_length");
  s.D = source.count("embedding_length");
  s.F = source.count("feed_forward_length");
  s.H = source.count("attention.head_count");
  s.G = source.count("attention.head_count_kv", s.H);
  if (s.H % s.G != 0)
    source.refuse(errc::corrupt, fmt::format("metadata key '{}' is {}, expected a divisor of the {} heads",
                                             source.key("attention.head_count_kv"), s.G, s.H));
  const bool widths_given =
      source.count("attention.key_length", 0) != 0 && source.count("attention.value_length", 0) != 0;
  if (s.D % s.H != 0 && !widths_given)
    source.refuse(errc::corrupt, fmt::format("metadata key '{}' is {}, expected a multiple of the {} heads",
                                             source.key("embedding_length"), s.D, s.H));
  s.Dk = source.count("attention.key_length", s.D / s.H);
  s.Dv = source.count("attention.value_length", s.D / s.H);
  s.eps = source.positive("attention.layer_norm_rms_epsilon");
  s.attention_scale = source.positive("attention.scale", 1 / std::sqrt(static_cast<double>(s.Dk)));
  s.rope = read_rope(source, s.Dk, s.context_length, "interleaved");
  const auto rows = source.matrix_rows("token_embd.weight");
  s.vocab_size = source.count("vocab_size", rows <= 0x1000000 ? static_cast<std::uint32_t>(rows) : 1);
  if (const auto experts = source.flag("expert_count"); experts > 0)
    source.refuse(errc::unsupported, fmt::format("metadata key '{}' is {}: mixtures of experts are not known here",
                                                 source.key("expert_count"), experts));
  return s;
}

/// x [T, D] -> [T, D]. A bias that the file lacks is absent from the op.
value_id layer(graph& g, model_source& source, const llama_shape& s, std::uint32_t i, value_id x) {
  primitive_ops op(g);
  const auto name = [&](const char* part) { return fmt::format("blk.{}.{}", i, part); };
  const auto norm = [&](const char* part, value_id from) {
    return op.rms_norm(name(part) + ".out", from, source.vector(name(part) + ".weight", s.D), s.eps);
  };
  const auto linear = [&](const char* part, value_id from, std::uint64_t in, std::uint64_t out) {
    return op.matmul(name(part) + ".out", from, source.weight(name(part) + ".weight", {in, out}),
                     source.optional_vector(name(part) + ".bias", out));
  };
  const std::uint64_t q_width = std::uint64_t{s.H} * s.Dk, k_width = std::uint64_t{s.G} * s.Dk,
                      v_width = std::uint64_t{s.G} * s.Dv, a_width = std::uint64_t{s.H} * s.Dv;

  const auto h = norm("attn_norm", x);
  const auto q = op.rope(name("attn_q.rotated"), linear("attn_q", h, s.D, q_width), s.rope);
  const auto k = op.rope(name("attn_k.rotated"), linear("attn_k", h, s.D, k_width), s.rope);
  const auto v = linear("attn_v", h, s.D, v_width);
  op.kv_write(k, v, 0, i);
  const auto a = op.attention(name("attn.out"), q, {0, i, s.H, s.G, s.Dk, s.attention_scale, 0});
  x = op.add(name("attn.residual"), x, linear("attn_output", a, a_width, s.D));

  const auto f = norm("ffn_norm", x);
  const auto gated = op.glu(name("ffn.gated"), linear("ffn_gate", f, s.D, s.F), linear("ffn_up", f, s.D, s.F), "silu");
  return op.add(name("ffn.residual"), x, linear("ffn_down", gated, s.F, s.D));
}

} // namespace

expected<model_graph> build_llama(const gguf_file& file, const graph_options& options) {
  model_graph model;
  auto& g = model.graph;
  model_source source(file, g);
  const auto s = read_shape(source);
  if (source.failed())
    return fail(source.finish().error());
  g.add_group({"full", TK_GROUP_FULL, s.n_layers, options.block_size, 0, s.G * s.Dk, s.G * s.Dv, 0, options.kv_format});

  primitive_ops op(g);
  const auto table = source.weight("token_embd.weight", {s.D, s.vocab_size});
  auto x = op.embed("embeddings", table);
  for (std::uint32_t i = 0; i < s.n_layers && !source.failed(); ++i)
    x = layer(g, source, s, i, x);
  x = op.take_outputs("outputs", x);
  x = op.rms_norm("output_norm.out", x, source.vector("output_norm.weight", s.D), s.eps);
  const auto head = source.has("output.weight") ? source.weight("output.weight", {s.D, s.vocab_size}) : table;
  g.set_flags(op.matmul("logits", x, head), TK_VALUE_OUTPUT);

  if (auto ok = source.finish(); !ok)
    return fail(ok.error());
  model.architecture = "llama";
  model.context_length = s.context_length;
  model.vocab_size = s.vocab_size;
  model.width = s.D;
  model.n_layers = s.n_layers;
  return model;
}

} // namespace tokamak
