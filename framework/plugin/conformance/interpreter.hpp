// Graphs computed in the plainest way: one sequence, from its first token, every op a loop over f32. What backends,
// passes and kernels are compared with.
#pragma once

#include <tokamak/plugin.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace tokamak::plugin::conformance {

/// Weights by name: f32, row-major as in GGUF (dims[0] contiguous).
using weights = std::map<std::string, std::vector<float>, std::less<>>;

/// A value of the graph for all rows, [rows][width].
struct rows_value {
  std::uint64_t width = 0;
  std::vector<float> data;
};

/// Computes the graph for `tokens` at positions 0…; `output_rows` are those that take_outputs takes. K and V pass
/// through the cache's format (f16 or f32). Ops that a kernel is given for are computed by it. Returns every value
/// flagged as output, by name. Errors name the op.
expected<std::map<std::string, rows_value>> interpret(const tk_graph_view& graph, const weights& w,
                                                      std::span<const std::int32_t> tokens,
                                                      std::span<const std::uint32_t> output_rows,
                                                      std::span<const tk_kernel> kernels = {});

/// Largest difference, relative to the largest magnitude in `b`.
double difference(std::span<const float> a, std::span<const float> b);

} // namespace tokamak::plugin::conformance
