// Rotary embedding as GGUF metadata describes it, with its ways to reach longer contexts.
#pragma once

#include "model/architectures/model_source.hpp"
#include "model/graph/primitive_ops.hpp"

namespace tokamak {

/// Reads rope.* keys and the tensor rope_freqs.weight (Llama 3's frequency divisors). Scaling "none", "linear" and
/// "yarn" are known; others, as "longrope", are refused. `head_dim` is the default of rope.dimension_count.
rope_settings read_rope(model_source& source, std::uint32_t head_dim, std::uint32_t context_length,
                        std::string_view style);

} // namespace tokamak
