// rope.* metadata to rope_settings.
#include "model/architectures/rope_scaling.hpp"

#include <cmath>

namespace tokamak {

namespace {

/// YaRN (Peng et al. 2023); the op derives its magnitude from the factor, keys multiply it.
void read_yarn(model_source& source, const rope_reading& what, rope_settings& rope) {
  rope.ext_factor = source.positive("rope.scaling.yarn_ext_factor", 1);
  rope.attn_factor =
      source.positive("rope.scaling.attn_factor", 1) * source.positive("rope.scaling.yarn_attn_factor", 1);
  rope.beta_fast = source.positive("rope.scaling.yarn_beta_fast", 32);
  rope.beta_slow = source.positive("rope.scaling.yarn_beta_slow", 1);
  rope.original_context = source.count("rope.scaling.original_context_length", what.context_length);
}

/// LongRoPE (Ding et al. 2024): a divisor a pair, found by search, and one magnitude for short and long sequences.
void read_longrope(model_source& source, const rope_reading& what, rope_settings& rope) {
  const auto original = source.count("rope.scaling.original_context_length", what.context_length);
  const auto half = static_cast<std::uint64_t>(rope.rotary_dims) / 2;
  const bool is_long = what.longest > original;
  rope.divisors = source.vector(is_long ? "rope_factors_long.weight" : "rope_factors_short.weight", half);
  source.passed_over(is_long ? "rope_factors_short.weight" : "rope_factors_long.weight", {half});
  const double stretch = static_cast<double>(what.context_length) / original;
  const bool stretched = stretch > 1 && original > 1;
  rope.attn_factor = source.positive("rope.scaling.attn_factor",
                                     stretched ? std::sqrt(1 + std::log(stretch) / std::log(original)) : 1);
}

} // namespace

rope_settings read_rope(model_source& source, const rope_reading& what) {
  rope_settings rope;
  rope.style = what.style;
  rope.head_dim = what.head_dim;
  rope.rotary_dims = source.count("rope.dimension_count", what.head_dim);
  if (rope.rotary_dims % 2 != 0 || rope.rotary_dims > rope.head_dim)
    source.refuse(errc::corrupt, fmt::format("metadata key '{}' is {}, expected an even number of at most {}",
                                             source.key("rope.dimension_count"), rope.rotary_dims, rope.head_dim));
  rope.freq_base = source.positive("rope.freq_base", what.base);
  rope.divisors = source.optional_vector("rope_freqs.weight", static_cast<std::uint64_t>(rope.rotary_dims) / 2);

  // Older files have one number, the linear factor, under another key.
  const double factor = source.positive("rope.scaling.factor", source.positive("rope.scale_linear", 1));
  // Files of LongRoPE models have its tensors, and seldom name it.
  const auto type = source.text("rope.scaling.type", source.has("rope_factors_long.weight") ? "longrope" : "linear");
  if (type == "linear" || type == "yarn")
    rope.freq_scale = 1 / factor;
  else if (type != "none" && type != "longrope")
    source.refuse(errc::unsupported, fmt::format("metadata key '{}' is \"{}\", known: none, linear, yarn, longrope",
                                                 source.key("rope.scaling.type"), type));
  if (type == "yarn")
    read_yarn(source, what, rope);
  else if (type == "longrope")
    read_longrope(source, what, rope);
  return rope;
}

} // namespace tokamak
