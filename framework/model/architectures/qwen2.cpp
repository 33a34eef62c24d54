// Qwen 2: llama's layers with biases on Q, K and V (Yang et al. 2024). Rotary pairs are halves of a head.
#include "model/architectures/qwen2.hpp"

#include "model/architectures/decoder.hpp"

namespace tokamak {

namespace {

/// x [T, D] -> [T, D].
value_id layer(decoder& d, std::uint32_t i, cache_layer place, const rope_settings& rope, value_id x) {
  const auto& s = d.shape;
  const auto h = d.norm(i, "attn_norm", x);
  const auto q = d.rotate(i, "attn_q", d.biased(i, "attn_q", h, s.q_width()), rope);
  const auto k = d.rotate(i, "attn_k", d.biased(i, "attn_k", h, s.k_width()), rope);
  const auto v = d.biased(i, "attn_v", h, s.v_width());
  x = d.residual(i, "attn", x, d.attend(i, place, q, k, v));
  return d.residual(i, "ffn", x, d.feed_forward(i, d.norm(i, "ffn_norm", x), "silu"));
}

} // namespace

expected<model_graph> build_qwen2(const gguf_file& file, const graph_options& options) {
  decoder d(file, options);
  const auto rope = d.rope("halves");
  d.refuse_window();
  const auto places = d.add_cache();
  auto x = d.embed();
  for (std::uint32_t i = 0; i < places.size() && !d.source.failed(); ++i)
    x = layer(d, i, places[i], rope, x);
  return d.finish(x);
}

} // namespace tokamak
