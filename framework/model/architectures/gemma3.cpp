// Gemma 3: layers normalised before and after each half, five of six attending a sliding window with a rotary base of
// their own (Gemma Team 2025). Norm weights of its GGUF files include the 1 that the model adds.
#include "model/architectures/gemma3.hpp"

#include "model/architectures/decoder.hpp"

#include <cmath>

namespace tokamak {

namespace {

constexpr std::uint32_t layers_of_27b = 62;

/// x [T, D] -> [T, D].
value_id layer(decoder& d, std::uint32_t i, cache_layer place, const rope_settings& rope, value_id x) {
  const auto& s = d.shape;
  const auto h = d.norm(i, "attn_norm", x);
  const auto q = d.norm(i, "attn_q_norm", d.linear(i, "attn_q", h, s.q_width()), s.Dk);
  const auto k = d.norm(i, "attn_k_norm", d.linear(i, "attn_k", h, s.k_width()), s.Dk);
  const auto v = d.linear(i, "attn_v", h, s.v_width());
  const auto a = d.attend(i, place, d.rotate(i, "attn_q", q, rope), d.rotate(i, "attn_k", k, rope), v);
  x = d.residual(i, "attn", x, d.norm(i, "post_attention_norm", a));
  const auto f = d.feed_forward(i, d.norm(i, "ffn_norm", x), "gelu");
  return d.residual(i, "ffn", x, d.norm(i, "post_ffw_norm", f));
}

} // namespace

expected<model_graph> build_gemma3(const gguf_file& file, const graph_options& options) {
  decoder d(file, options);
  auto& s = d.shape;
  // All sizes scale by the width of a head but the largest, by the model's width a head; files seldom say so.
  if (s.n_layers == layers_of_27b)
    s.attention_scale = d.source.positive("attention.scale", 1 / std::sqrt(static_cast<double>(s.D) / s.H));
  d.logit_softcap = d.source.positive("final_logit_softcapping", 0);

  const auto window = d.source.count("attention.sliding_window");
  const auto slides = d.source.marks("attention.sliding_window_pattern", s.n_layers, 6);
  const auto far = d.rope("halves", 1000000);
  auto near = far; // not stretched
  near.freq_base = d.source.positive("rope.freq_base_swa", 10000);
  near.freq_scale = 1;
  if (far.ext_factor != 0 || far.divisors != no_value)
    d.source.refuse(errc::unsupported,
                    "rotary scaling other than linear is not known for the architecture 'gemma3' here");

  const auto places = d.add_cache(window, [&](std::uint32_t i) { return bool{slides[i]}; });
  auto x = d.embed(std::sqrt(static_cast<double>(s.D)));
  for (std::uint32_t i = 0; i < places.size() && !d.source.failed(); ++i)
    x = layer(d, i, places[i], slides[i] ? near : far, x);
  return d.finish(x);
}

} // namespace tokamak
