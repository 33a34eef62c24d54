// Graph pass plugins: creation and running.
#include "plugin/graph_pass_instance.hpp"

namespace tokamak::plugin {

expected<graph_pass_instance> graph_pass_instance::create(const registry& from, const plugin_use& use,
                                                          host_settings settings) {
  auto made = make(from, use, std::move(settings));
  if (!made) return fail(std::move(made.error()));
  return graph_pass_instance(std::move(*made));
}

expected<void> graph_pass_instance::run(tk_graph_editor* editor, const tk_graph_edit& api) {
  tk_error e = empty_error();
  const tk_status status = table().run(self(), editor, &api, &e);
  if (status != TK_OK) return fail(core_->failure(status, e));
  return {};
}

} // namespace tokamak::plugin
