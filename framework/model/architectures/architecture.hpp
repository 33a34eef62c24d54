// From a model file to a graph: which architectures are known, and what they make. An architecture is one file here: a
// short function from hyperparameters to ops on named tensors, listed in architecture.cpp.
#pragma once

#include "base/error.hpp"
#include "model/architectures/weights.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/graph/graph.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak {

/// What an engine decides about a model's cache.
struct graph_options {
  tk_format kv_format = TK_F16;  ///< TK_F16 or TK_F32
  std::uint32_t block_size = 32; ///< tokens in a block of paged groups
  /// Longest sequence there will be, 0: all that the model was made for. Some models turn positions differently where
  /// sequences stay short.
  std::uint32_t context_length = 0;
};

/// A model as a graph. Weights are named as the file's tensors, or are listed in `parts`; the token embeddings come in
/// by tk_step.tokens, the value "logits" (output rows [vocab_size]) comes out.
struct model_graph {
  tokamak::graph graph;
  std::vector<tensor_rows> parts; ///< weights that are rows of a tensor of another name
  std::string architecture;
  std::uint32_t context_length = 0; ///< positions the model was made for
  std::uint32_t vocab_size = 0;
  std::uint32_t width = 0; ///< of the residual stream and of embeddings given to a step
  std::uint32_t n_layers = 0;
};

using architecture_function = expected<model_graph> (*)(const gguf_file& file, const graph_options& options);

struct architecture {
  std::string_view name; ///< the value of general.architecture; lives as long as the program
  architecture_function build;
};

/// All known ones: the built-in, then the registered. Any thread.
std::vector<architecture> architectures();

/// Adds one from outside, e.g. for models made up by tests. already_exists if the name is taken. Any thread.
expected<void> register_architecture(architecture added);

/// Builds the graph of the file's general.architecture; it is valid. Errors: unsupported (architecture or variant not
/// known, with the known names), not_found (a key or tensor is missing), corrupt (a number or shape cannot be); `where`
/// is the file.
expected<model_graph> build_model_graph(const gguf_file& file, const graph_options& options = {});

} // namespace tokamak
