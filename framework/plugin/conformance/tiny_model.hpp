// A model small enough to be computed by hand, in the shape of a llama, with random weights.
#pragma once

#include <cstdint>

#include "plugin/conformance/editable_graph.hpp"
#include "plugin/conformance/interpreter.hpp"

namespace tokamak::plugin::conformance {

struct tiny_model {
  static constexpr std::uint32_t vocabulary = 96, width = 64, heads = 4, kv_heads = 2, head_dim = 16, hidden = 128,
                                 layers = 2;
  static constexpr std::uint32_t block_size = 16;

  explicit tiny_model(std::uint64_t seed);

  editable_graph graph; ///< its output is the value "logits", [outputs][vocabulary]
  weights tensors;      ///< of all weight values, f32
};

} // namespace tokamak::plugin::conformance
