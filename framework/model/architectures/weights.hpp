// Where a graph's weights lie: in the mapped model file, or cut out of it for a tensor-parallel rank.
#pragma once

#include "base/error.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/graph/cut.hpp"
#include "model/graph/graph.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace tokamak {

/// What program_create takes. Unsliced weights point into the file, which must outlive this; slices are copies held
/// here. Movable; pointers stay.
struct graph_weights {
  std::vector<tk_weight> weights;
  std::vector<std::unique_ptr<std::byte[]>> copies;
};

/// One entry for each weight of the graph; a slice names the part that the graph's value is of the file's tensor.
/// Errors: not_found "no tensor 'x'", corrupt (type or shape differ from the graph's), invalid_argument (a slice within
/// a block); `where` is the file.
expected<graph_weights> find_weights(const graph& g, const gguf_file& file, std::span<const weight_slice> slices = {});

} // namespace tokamak
