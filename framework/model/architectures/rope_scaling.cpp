// rope.* metadata to rope_settings.
#include "model/architectures/rope_scaling.hpp"

namespace tokamak {

rope_settings read_rope(model_source& source, std::uint32_t head_dim, std::uint32_t context_length,
                        std::string_view style) {
  rope_settings rope;
  rope.style = style;
  rope.head_dim = head_dim;
  rope.rotary_dims = source.count("rope.dimension_count", head_dim);
  if (rope.rotary_dims % 2 != 0 || rope.rotary_dims > head_dim)
    source.refuse(errc::corrupt, fmt::format("metadata key '{}' is {}, expected an even number of at most {}",
                                             source.key("rope.dimension_count"), rope.rotary_dims, head_dim));
  rope.freq_base = source.positive("rope.freq_base", 10000);
  rope.divisors = source.optional_vector("rope_freqs.weight", static_cast<std::uint64_t>(rope.rotary_dims) / 2);

  // Older files have one number, the linear factor, under another key.
  const double factor = source.positive("rope.scaling.factor", source.positive("rope.scale_linear", 1));
  const auto type = source.text("rope.scaling.type", "linear");
  if (type == "linear" || type == "yarn") {
    rope.freq_scale = 1 / factor;
  } else if (type != "none") {
    source.refuse(errc::unsupported, fmt::format("metadata key '{}' is \"{}\", known: none, linear, yarn",
                                                 source.key("rope.scaling.type"), type));
  }
  if (type == "yarn") {
    rope.ext_factor = 1;
    rope.attn_factor = source.positive("rope.scaling.attn_factor", 1);
    rope.beta_fast = source.positive("rope.scaling.yarn_beta_fast", 32);
    rope.beta_slow = source.positive("rope.scaling.yarn_beta_slow", 1);
    rope.original_context = source.count("rope.scaling.original_context_length", context_length);
  }
  return rope;
}

} // namespace tokamak
