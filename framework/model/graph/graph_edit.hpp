// Rewriting a graph from plugins: the host's side of tk_graph_edit, and taking ops apart that a backend does not know.
#pragma once

#include "base/error.hpp"
#include "model/graph/graph.hpp"

#include <functional>

namespace tokamak {

/// Lets C functions edit a graph. One thread; the graph must outlive it.
class graph_editor {
public:
  explicit graph_editor(graph& target) : graph_(target) {}

  /// What a pass or decomposition is given. Its functions refuse what would leave the graph with dangling indices, names
  /// used twice or inputs that are not defined before their use; graph::validate() checks the rest.
  tk_graph_editor* handle() { return reinterpret_cast<tk_graph_editor*>(this); }
  static const tk_graph_edit& api();

private:
  friend struct graph_edit_functions;
  graph& graph_;
};

/// Can the backend run op `op` of this view?
using supports_function = std::function<bool(const tk_graph_view& view, std::uint32_t op)>;

/// Replaces ops that are not supported by their decompositions until all are. Errors: unsupported, naming an op that has no
/// decomposition; invalid_argument if a decomposition leaves an invalid graph; internal if it does not replace its op.
expected<void> decompose_unsupported(graph& g, const supports_function& supports);

} // namespace tokamak
