// Phi 3: llama's layers with Q, K and V in one tensor, gate and up in another (Abdin et al. 2024), all attending a
// window in some sizes. Rotary pairs are halves of the rotated part of a head.
#include "model/architectures/phi3.hpp"

#include "model/architectures/decoder.hpp"

namespace tokamak {

namespace {

value_id feed_forward(decoder& d, std::uint32_t i, value_id x) {
  const std::uint64_t F = d.shape.F;
  const auto gate = d.linear_of(i, "ffn_up", 2 * F, "ffn_up.gate", x, 0, F);
  const auto up = d.linear_of(i, "ffn_up", 2 * F, "ffn_up.up", x, F, F);
  return d.linear(i, "ffn_down", d.op.glu(d.name(i, "ffn.gated"), gate, up, "silu"), d.shape.D);
}

/// x [T, D] -> [T, D].
value_id layer(decoder& d, std::uint32_t i, cache_layer place, const rope_settings& rope, value_id x) {
  const auto Q = d.shape.q_width(), K = d.shape.k_width(), V = d.shape.v_width();
  const auto h = d.norm(i, "attn_norm", x);
  const auto q = d.rotate(i, "attn_q", d.linear_of(i, "attn_qkv", Q + K + V, "attn_qkv.q", h, 0, Q), rope);
  const auto k = d.rotate(i, "attn_k", d.linear_of(i, "attn_qkv", Q + K + V, "attn_qkv.k", h, Q, K), rope);
  const auto v = d.linear_of(i, "attn_qkv", Q + K + V, "attn_qkv.v", h, Q + K, V);
  x = d.residual(i, "attn", x, d.attend(i, place, q, k, v));
  return d.residual(i, "ffn", x, feed_forward(d, i, d.norm(i, "ffn_norm", x)));
}

} // namespace

expected<model_graph> build_phi3(const gguf_file& file, const graph_options& options) {
  decoder d(file, options);
  const auto rope = d.rope("halves");
  const auto places = d.add_cache(d.source.flag("attention.sliding_window"), [](std::uint32_t) { return true; });
  auto x = d.embed();
  for (std::uint32_t i = 0; i < places.size() && !d.source.failed(); ++i)
    x = layer(d, i, places[i], rope, x);
  return d.finish(x);
}

} // namespace tokamak
