// Hyperparameters under their usual keys, tensors under their usual names.
#include "model/architectures/decoder.hpp"

#include "model/architectures/rope_scaling.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tokamak {

decoder::decoder(const gguf_file& file, const graph_options& options)
    : options_(options), source(file, model_.graph), op(model_.graph) {
  model_.architecture = file.get_or<std::string_view>("general.architecture", "").value_or("");
  read_shape();
}

void decoder::read_shape() {
  auto& s = shape;
  s.n_layers = source.count("block_count");
  if (const auto tensors = source.tensor_count(); s.n_layers > tensors) // work stays in proportion to the file
    source.refuse(errc::corrupt, fmt::format("metadata key '{}' is {}, but the file has {} tensors",
                                             source.key("block_count"), s.n_layers, tensors));
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
  const auto rows = source.matrix_rows("token_embd.weight");
  s.vocab_size = source.count("vocab_size", rows <= 0x1000000 ? static_cast<std::uint32_t>(rows) : 1);
  if (const auto experts = source.flag("expert_count"); experts > 0)
    source.refuse(errc::unsupported, fmt::format("metadata key '{}' is {}: mixtures of experts are not known here",
                                                 source.key("expert_count"), experts));
}

std::vector<cache_layer> decoder::add_cache(std::uint32_t window, const std::function<bool(std::uint32_t)>& slides) {
  std::vector<cache_layer> places;
  if (source.failed())
    return places;
  const auto& s = shape;
  const bool windowed = window > 0 && window < s.context_length && slides;
  std::uint32_t full = 0, sliding = 0;
  for (std::uint32_t i = 0; i < s.n_layers; ++i) {
    const bool near = windowed && slides(i);
    places.push_back({near ? 1U : 0U, near ? sliding++ : full++});
  }
  const auto k_width = s.G * s.Dk, v_width = s.G * s.Dv;
  if (full > 0)
    model_.graph.add_group(
        {"full", TK_GROUP_FULL, full, options_.block_size, 0, k_width, v_width, 0, options_.kv_format});
  if (sliding > 0)
    model_.graph.add_group(
        {"sliding", TK_GROUP_SLIDING, sliding, options_.block_size, window, k_width, v_width, 0, options_.kv_format});
  if (full == 0)
    for (auto& place : places)
      place.group = 0;
  return places;
}

void decoder::refuse_window() {
  const auto window = source.flag("attention.sliding_window");
  if (window > 0 && window < shape.context_length)
    source.refuse(errc::unsupported,
                  fmt::format("metadata key '{}' is {}: which layers attend a window is not known here",
                              source.key("attention.sliding_window"), window));
}

rope_settings decoder::rope(std::string_view style, double base) {
  const auto limit = options_.context_length == 0 ? shape.context_length : options_.context_length;
  return read_rope(source, {shape.Dk, shape.context_length, std::min(limit, shape.context_length), style, base});
}

value_id decoder::embed(double scale) {
  return op.embed("embeddings", source.weight("token_embd.weight", {shape.D, shape.vocab_size}), scale);
}

std::string decoder::name(std::uint32_t layer, std::string_view part) { return fmt::format("blk.{}.{}", layer, part); }

value_id decoder::norm(std::uint32_t layer, std::string_view part, value_id x, std::uint64_t width) {
  const auto tensor = name(layer, part);
  return op.rms_norm(tensor + ".out", x, source.vector(tensor + ".weight", width == 0 ? shape.D : width), shape.eps);
}

value_id decoder::multiply(std::uint32_t layer, std::string_view part, value_id x, std::uint64_t width, value_id bias) {
  const auto tensor = name(layer, part);
  const auto in = model_.graph.values()[x].width();
  return op.matmul(tensor + ".out", x, source.weight(tensor + ".weight", {in, width}), bias);
}

value_id decoder::linear(std::uint32_t layer, std::string_view part, value_id x, std::uint64_t width) {
  return multiply(layer, part, x, width, source.optional_vector(name(layer, part) + ".bias", width));
}

value_id decoder::biased(std::uint32_t layer, std::string_view part, value_id x, std::uint64_t width) {
  return multiply(layer, part, x, width, source.vector(name(layer, part) + ".bias", width));
}

value_id decoder::linear_of(std::uint32_t layer, std::string_view fused, std::uint64_t fused_width,
                            std::string_view part, value_id x, std::uint64_t first, std::uint64_t width) {
  const auto weight = source.weight_rows(name(layer, part) + ".weight", name(layer, fused) + ".weight",
                                         {model_.graph.values()[x].width(), fused_width}, first, width);
  return op.matmul(name(layer, part) + ".out", x, weight);
}

value_id decoder::rotate(std::uint32_t layer, std::string_view part, value_id x, const rope_settings& rope) {
  return op.rope(name(layer, part) + ".rotated", x, rope);
}

value_id decoder::attend(std::uint32_t layer, cache_layer place, value_id q, value_id k, value_id v) {
  const auto& s = shape;
  op.kv_write(k, v, place.group, place.layer);
  const auto a = op.attention(name(layer, "attn.out"), q,
                              {place.group, place.layer, s.H, s.G, s.Dk, s.attention_scale});
  return linear(layer, "attn_output", a, s.D);
}

value_id decoder::feed_forward(std::uint32_t layer, value_id x, const char* activation) {
  const auto gate = linear(layer, "ffn_gate", x, shape.F), up = linear(layer, "ffn_up", x, shape.F);
  return linear(layer, "ffn_down", op.glu(name(layer, "ffn.gated"), gate, up, activation), shape.D);
}

value_id decoder::residual(std::uint32_t layer, std::string_view part, value_id x, value_id added) {
  return op.add(name(layer, part) + ".residual", x, added);
}

expected<model_graph> decoder::finish(value_id x) {
  auto& g = model_.graph;
  x = op.take_outputs("outputs", x);
  x = op.rms_norm("output_norm.out", x, source.vector("output_norm.weight", shape.D), shape.eps);
  const std::vector<std::uint64_t> dims{shape.D, shape.vocab_size};
  const auto head = source.weight(source.has("output.weight") ? "output.weight" : "token_embd.weight", dims);
  const bool capped = logit_softcap > 0;
  auto logits = op.matmul(capped ? "logits.uncapped" : "logits", x, head);
  if (capped)
    logits = op.softcap("logits", logits, logit_softcap);
  g.set_flags(logits, TK_VALUE_OUTPUT);
  if (auto ok = source.finish(); !ok)
    return fail(ok.error());
  model_.parts = source.parts();
  model_.context_length = shape.context_length;
  model_.vocab_size = shape.vocab_size;
  model_.width = shape.D;
  model_.n_layers = shape.n_layers;
  return std::move(model_);
}

} // namespace tokamak
