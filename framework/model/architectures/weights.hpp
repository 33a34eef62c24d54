// Where a graph's weights lie: in the mapped model file, or cut out of it for a tensor-parallel rank.
#pragma once

#include "base/error.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/graph/cut.hpp"
#include "model/graph/graph.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tokamak {

/// A weight that is rows [first, first + rows) of a file's matrix, as where Q, K and V are one tensor.
struct tensor_rows {
  std::string weight;
  std::string tensor;
  std::uint64_t first = 0;
  std::uint64_t rows = 0;
};

/// The tensor of that name, or the rows that `parts` knows by it, as a tensor of its own that points into the file.
/// Errors: not_found "no tensor 'x'", corrupt (it has no such rows).
expected<gguf_tensor> find_weight(const gguf_file& file, std::span<const tensor_rows> parts, const std::string& name);

/// What program_create takes. Unsliced weights point into the file, which must outlive this; slices are copies held
/// here. Movable; pointers stay.
struct graph_weights {
  std::vector<tk_weight> weights;
  std::vector<std::unique_ptr<std::byte[]>> copies;
};

/// One entry for each weight of the graph. `parts` as in model_graph; a slice names the part that the graph's value is
/// of the file's tensor, or of those rows of it. Errors: not_found "no tensor 'x'", corrupt (type or shape differ from
/// the graph's), invalid_argument (a slice within a block); `where` is the file.
expected<graph_weights> find_weights(const graph& g, const gguf_file& file, std::span<const weight_slice> slices = {},
                                     std::span<const tensor_rows> parts = {});

} // namespace tokamak
