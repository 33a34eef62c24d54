// Llama: pre-normalised layers of grouped-query attention with rotary positions and a gated feed-forward (Touvron et
// al. 2023). Q and K of its GGUF files are permuted for interleaved rotary pairs.
#include "model/architectures/llama.hpp"

#include "model/architectures/decoder.hpp"

namespace tokamak {

namespace {

/// x [T, D] -> [T, D].
value_id layer(decoder& d, std::uint32_t i, cache_layer place, const rope_settings& rope, value_id x) {
  const auto& s = d.shape;
  const auto h = d.norm(i, "attn_norm", x);
  const auto q = d.rotate(i, "attn_q", d.linear(i, "attn_q", h, s.q_width()), rope);
  const auto k = d.rotate(i, "attn_k", d.linear(i, "attn_k", h, s.k_width()), rope);
  const auto v = d.linear(i, "attn_v", h, s.v_width());
  x = d.residual(i, "attn", x, d.attend(i, place, q, k, v));
  return d.residual(i, "ffn", x, d.feed_forward(i, d.norm(i, "ffn_norm", x), "silu"));
}

} // namespace

expected<model_graph> build_llama(const gguf_file& file, const graph_options& options) {
  decoder d(file, options);
  const auto rope = d.rope("interleaved");
  // Mistral 7B v0.1 attends a window in every layer.
  const auto places = d.add_cache(d.source.flag("attention.sliding_window"), [](std::uint32_t) { return true; });
  auto x = d.embed();
  for (std::uint32_t i = 0; i < places.size() && !d.source.failed(); ++i)
    x = layer(d, i, places[i], rope, x);
  return d.finish(x);
}

} // namespace tokamak
