// Graphs in the hands of plugins: the host functions of tk_graph_edit, running a pass, and taking ops apart that a
// backend does not know.
#pragma once

#include "base/error.hpp"
#include "model/graph/graph.hpp"

#include <functional>
#include <memory>

namespace tokamak {

/// A graph under edit, as plugins see it. Edits are checked one by one for indices and order, not for shapes or single
/// writers: while an op is being replaced, two ops may write one value.
class graph_editor {
public:
  /// REQUIRES: `target` outlives this and is edited through this only.
  explicit graph_editor(graph& target);
  ~graph_editor();
  graph_editor(const graph_editor&) = delete;
  graph_editor& operator=(const graph_editor&) = delete;

  tk_graph_editor* handle() { return handle_.get(); }
  static const tk_graph_edit& api();

private:
  std::unique_ptr<tk_graph_editor> handle_;
};

/// What a pass does with an editor; plugin::graph_pass_instance::run fits.
using graph_edit_function = std::function<expected<void>(tk_graph_editor*, const tk_graph_edit&)>;

/// Runs a pass on a copy and takes the copy over if it is valid. Errors: the pass's own; internal "the pass left the
/// graph invalid: ...". After an error the graph is as before.
expected<void> edit_graph(graph& g, const graph_edit_function& pass);

/// Whether a backend can run op `op`; plugin::backend_instance::supports fits.
using supports_function = std::function<bool(const tk_graph_view&, std::uint32_t op)>;

/// Replaces every op that the backend does not support by its decomposition, again and again, until all are
/// supported, and validates. Errors: unsupported (names the op that nobody can run), internal (a decomposition that
/// fails, does not replace its op, never ends, or leaves the graph invalid). After an error the graph is as before.
expected<void> decompose_unsupported(graph& g, const supports_function& supports);

} // namespace tokamak
