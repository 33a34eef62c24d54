// A small llama-shaped graph for tests of graphs: two layers, tied output.
#pragma once

#include "model/graph/primitive_ops.hpp"

namespace tokamak::test {

inline graph two_layer_graph(std::uint32_t n_layers = 2, std::uint32_t kv_heads = 2) {
  constexpr std::uint64_t width = 32, head_dim = 8, heads_per_kv = 2, ffn = 64, vocab = 50;
  const std::uint64_t q_width = kv_heads * heads_per_kv * head_dim;
  graph g;
  primitive_ops op(g);
  const auto group = g.add_group(
      {"full", TK_GROUP_FULL, n_layers, 4, 0, static_cast<std::uint32_t>(kv_heads * head_dim),
       static_cast<std::uint32_t>(kv_heads * head_dim), 0, TK_F16});
  const auto table = g.add_weight("token_embd.weight", TK_F32, {width, vocab});
  auto x = op.embed("embedding", table);
  rope_settings rope;
  rope.head_dim = rope.rotary_dims = head_dim;
  for (std::uint32_t layer = 0; layer < n_layers; ++layer) {
    const auto name = [&](const char* part) { return fmt::format("blk.{}.{}", layer, part); };
    const auto weight = [&](const char* part, std::vector<std::uint64_t> dims) {
      return g.add_weight(name(part) + ".weight", TK_F32, std::move(dims));
    };
    const auto h = op.rms_norm(name("attn_normed"), x, weight("attn_norm", {width}), 1e-5);
    const auto q = op.rope(name("q_rotated"), op.matmul(name("q"), h, weight("attn_q", {width, q_width})), rope);
    const auto k =
        op.rope(name("k_rotated"), op.matmul(name("k"), h, weight("attn_k", {width, kv_heads * head_dim})), rope);
    const auto v = op.matmul(name("v"), h, weight("attn_v", {width, kv_heads * head_dim}));
    op.kv_write(k, v, group, layer);
    const auto a = op.attention(name("attended"), q,
                                {group, layer, kv_heads * std::int64_t{heads_per_kv}, kv_heads, head_dim, 0.35, 0});
    x = op.add(name("attn_sum"), x, op.matmul(name("attn_out"), a, weight("attn_output", {q_width, width})));
    const auto f = op.rms_norm(name("ffn_normed"), x, weight("ffn_norm", {width}), 1e-5);
    const auto gate = op.matmul(name("gate"), f, weight("ffn_gate", {width, ffn}));
    const auto up = op.matmul(name("up"), f, weight("ffn_up", {width, ffn}));
    const auto down = op.matmul(name("ffn_out"), op.glu(name("glu"), gate, up, "silu"), weight("ffn_down", {ffn, width}));
    x = op.add(name("ffn_sum"), x, down);
  }
  const auto last = op.take_outputs("outputs", x);
  const auto normed = op.rms_norm("normed", last, g.add_weight("output_norm.weight", TK_F32, {width}), 1e-5);
  const auto logits = op.matmul("logits", normed, table);
  g.set_flags(logits, TK_VALUE_OUTPUT);
  return g;
}

} // namespace tokamak::test
