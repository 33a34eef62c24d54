// Rotary embedding as GGUF metadata describes it, with its ways to reach longer contexts.
#pragma once

#include "model/architectures/model_source.hpp"
#include "model/graph/primitive_ops.hpp"

namespace tokamak {

struct rope_reading {
  std::uint32_t head_dim;       ///< default of rope.dimension_count
  std::uint32_t context_length; ///< that the model was made for
  std::uint32_t longest;        ///< sequence there will be, at most context_length
  std::string_view style;       ///< as in rope_settings
  double base;                  ///< default of rope.freq_base
};

/// Reads rope.* keys and the tensors that go with them: rope_freqs.weight (Llama 3's frequency divisors), or LongRoPE's
/// pair rope_factors_long.weight and rope_factors_short.weight, of which the short one serves where no sequence gets
/// longer than the context of the first training. Scaling "none", "linear", "yarn" and "longrope" are known; others are
/// refused.
rope_settings read_rope(model_source& source, const rope_reading& what);

} // namespace tokamak
