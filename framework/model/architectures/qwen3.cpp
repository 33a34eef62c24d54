// Qwen 3: llama's layers with Q and K normalised head by head before rotation (Yang et al. 2025). Heads have a width of
// their own; rotary pairs are halves of a head.
#include "model/architectures/qwen3.hpp"

#include "model/architectures/decoder.hpp"

namespace tokamak {

namespace {

/// x [T, D] -> [T, D].
value_id layer(decoder& d, std::uint32_t i, cache_layer place, const rope_settings& rope, value_id x) {
  const auto& s = d.shape;
  const auto h = d.norm(i, "attn_norm", x);
  const auto q = d.norm(i, "attn_q_norm", d.linear(i, "attn_q", h, s.q_width()), s.Dk);
  const auto k = d.norm(i, "attn_k_norm", d.linear(i, "attn_k", h, s.k_width()), s.Dk);
  const auto v = d.linear(i, "attn_v", h, s.v_width());
  x = d.residual(i, "attn", x, d.attend(i, place, d.rotate(i, "attn_q", q, rope), d.rotate(i, "attn_k", k, rope), v));
  return d.residual(i, "ffn", x, d.feed_forward(i, d.norm(i, "ffn_norm", x), "silu"));
}

} // namespace

expected<model_graph> build_qwen3(const gguf_file& file, const graph_options& options) {
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
