// A graph pass plugin in use: rewrites a model's graph before it is compiled.
#pragma once

#include "plugin/instance.hpp"

namespace tokamak::plugin {

class graph_pass_instance : public instance<tk_graph_pass> {
 public:
  static expected<graph_pass_instance> create(const registry& from, const plugin_use& use, host_settings settings);

  /// Edits the graph through `api`. After an error the graph may be half edited: drop it. Decompositions that the pass
  /// defines are functions in its library: whoever keeps the graph keeps from() too.
  expected<void> run(tk_graph_editor* editor, const tk_graph_edit& api);

 private:
  using instance::instance;
};

} // namespace tokamak::plugin
