// tiny_sliding and tiny_recurrent.
#include "null_backend/tiny_architectures.hpp"

#include "model/architectures/model_source.hpp"
#include "model/graph/primitive_ops.hpp"

#include <cmath>

namespace tokamak::test {

namespace {

struct tiny_shape {
  std::uint32_t layers, width, ffn, heads, kv_heads, head_dim, vocab_size, context;
};

/// What both have in common: hyperparameters, weights, the feed-forward part, both ends.
class tiny_builder {
public:
  tiny_builder(const gguf_file& file, model_graph& model)
      : source(file, model.graph), op(model.graph), model_(model), shape(read()) {}

  std::string name(std::uint32_t layer, const char* part) const { return fmt::format("blk.{}.{}", layer, part); }

  value_id norm(const std::string& tensor, value_id x, std::uint64_t n) {
    return op.rms_norm(tensor + ".out", x, source.vector(tensor + ".weight", n), 1e-5);
  }
  value_id linear(const std::string& tensor, value_id x, std::uint64_t in, std::uint64_t out) {
    return op.matmul(tensor + ".out", x, source.weight(tensor + ".weight", {in, out}));
  }

  value_id begin() { return op.embed("embeddings", source.weight("token_embd.weight", {shape.width, shape.vocab_size})); }

  value_id feed_forward(std::uint32_t layer, value_id x) {
    const auto f = norm(name(layer, "ffn_norm"), x, shape.width);
    const auto gated = op.glu(name(layer, "ffn.gated"), linear(name(layer, "ffn_gate"), f, shape.width, shape.ffn),
                              linear(name(layer, "ffn_up"), f, shape.width, shape.ffn), "gelu");
    return op.add(name(layer, "ffn.residual"), x, linear(name(layer, "ffn_down"), gated, shape.ffn, shape.width));
  }

  value_id attend(std::uint32_t layer, value_id x, attention_settings settings) {
    const std::uint64_t q_width = std::uint64_t{shape.heads} * shape.head_dim,
                        k_width = std::uint64_t{shape.kv_heads} * shape.head_dim;
    rope_settings rope;
    rope.head_dim = rope.rotary_dims = shape.head_dim;
    rope.style = "halves";
    const auto h = norm(name(layer, "attn_norm"), x, shape.width);
    const auto q = norm(name(layer, "attn_q_norm"), linear(name(layer, "attn_q"), h, shape.width, q_width), shape.head_dim);
    const auto k = norm(name(layer, "attn_k_norm"), linear(name(layer, "attn_k"), h, shape.width, k_width), shape.head_dim);
    const auto v = linear(name(layer, "attn_v"), h, shape.width, k_width);
    op.kv_write(op.rope(name(layer, "attn_k.rotated"), k, rope), v, settings.group, settings.layer);
    settings.heads = shape.heads;
    settings.kv_heads = shape.kv_heads;
    settings.head_dim = shape.head_dim;
    const auto a = op.attention(name(layer, "attn.out"), op.rope(name(layer, "attn_q.rotated"), q, rope), settings);
    return op.add(name(layer, "attn.residual"), x, linear(name(layer, "attn_output"), a, q_width, shape.width));
  }

  expected<void> end(value_id x, std::string_view architecture) {
    x = norm("output_norm", op.take_outputs("outputs", x), shape.width);
    const auto raw = linear("output", x, shape.width, shape.vocab_size);
    model_.graph.set_flags(op.softcap("logits", raw, 20), TK_VALUE_OUTPUT);
    model_.architecture = architecture;
    model_.context_length = shape.context;
    model_.vocab_size = shape.vocab_size;
    model_.width = shape.width;
    model_.n_layers = shape.layers;
    return source.finish();
  }

  model_source source;
  primitive_ops op;

private:
  tiny_shape read() {
    tiny_shape s{};
    s.layers = source.count("block_count");
    s.width = source.count("embedding_length");
    s.ffn = source.count("feed_forward_length");
    s.heads = source.count("attention.head_count");
    s.kv_heads = source.count("attention.head_count_kv");
    s.head_dim = s.width / s.heads;
    s.context = source.count("context_length");
    s.vocab_size = static_cast<std::uint32_t>(source.matrix_rows("token_embd.weight"));
    return s;
  }

  model_graph& model_;

public:
  const tiny_shape shape;
};

} // namespace

expected<model_graph> build_tiny_sliding(const gguf_file& file, const graph_options& options) {
  model_graph model;
  tiny_builder b(file, model);
  const auto& s = b.shape;
  const auto window = b.source.count("attention.sliding_window");
  const auto k_width = s.kv_heads * s.head_dim;
  const auto full = model.graph.add_group(
      {"full", TK_GROUP_FULL, s.layers / 2, options.block_size, 0, k_width, k_width, 0, options.kv_format});
  const auto near = model.graph.add_group(
      {"near", TK_GROUP_SLIDING, (s.layers + 1) / 2, options.block_size, window, k_width, k_width, 0, options.kv_format});
  auto x = b.begin();
  for (std::uint32_t i = 0; i < s.layers; ++i) {
    x = b.attend(i, x, {i % 2 == 0 ? near : full, i / 2, 0, 0, 0, 1 / std::sqrt(static_cast<double>(s.head_dim)), 5});
    x = b.feed_forward(i, x);
  }
  if (auto ok = b.end(x, "tiny_sliding"); !ok)
    return fail(ok.error());
  return model;
}

expected<model_graph> build_tiny_recurrent(const gguf_file& file, const graph_options& options) {
  model_graph model;
  tiny_builder b(file, model);
  const auto& s = b.shape;
  const auto decay = b.source.positive("decay");
  const auto k_width = s.kv_heads * s.head_dim;
  const auto full = model.graph.add_group(
      {"full", TK_GROUP_FULL, s.layers / 2, options.block_size, 0, k_width, k_width, 0, options.kv_format});
  const auto state =
      model.graph.add_group({"state", TK_GROUP_RECURRENT, (s.layers + 1) / 2, 1, 0, 0, 0, s.width, TK_F32});
  auto x = b.begin();
  for (std::uint32_t i = 0; i < s.layers; ++i) {
    if (i % 2 == 0) {
      const auto h = b.norm(b.name(i, "ssm_norm"), x, s.width);
      const auto y = b.op.decay_scan(b.name(i, "ssm.scanned"), b.linear(b.name(i, "ssm_in"), h, s.width, s.width), state,
                                     i / 2, decay);
      const auto gated = b.op.silu(b.name(i, "ssm.gated"), y);
      x = b.op.add(b.name(i, "ssm.residual"), x, b.linear(b.name(i, "ssm_out"), gated, s.width, s.width));
    } else {
      x = b.attend(i, x, {full, i / 2, 0, 0, 0, 1 / std::sqrt(static_cast<double>(s.head_dim)), 0});
    }
    x = b.feed_forward(i, x);
  }
  if (auto ok = b.end(x, "tiny_recurrent"); !ok)
    return fail(ok.error());
  return model;
}

} // namespace tokamak::test
