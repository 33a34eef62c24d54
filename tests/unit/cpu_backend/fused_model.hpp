// A made-up model as the pass operator_fusion leaves it.
#pragma once

#include "model/graph/graph_edit.hpp"
#include "tiny_model.hpp"

#include <dlfcn.h>

namespace cpu_test {

/// The model with fused ops; its weights keep their ids.
inline model fused(model m) {
  const char* folder = std::getenv("TOKAMAK_PLUGIN_PATH");
  const std::string path = std::string(folder == nullptr ? "lib/tokamak/plugins" : folder) + "/operator_fusion.so";
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto* plugin = reinterpret_cast<tk_plugin_entry>(dlsym(library, "tokamak_plugin"))(TK_ABI_MAJOR, TK_ABI_MINOR);
  const auto* pass = static_cast<const tk_graph_pass*>(plugin->extensions[0].functions);
  tk_host host = host_of(1);
  host.option_find = [](const tk_options*, tk_string, tk_option_value* out) -> tk_status { // all of its options are on
    out->type = TK_BOOLEAN;
    out->integer = 1;
    return TK_OK;
  };
  void* self = nullptr;
  tk_error error = no_error();
  require_ok(pass->create(&host, nullptr, &self, &error), error);
  const auto edited = tokamak::edit_graph(m.graph, [&](tk_graph_editor* editor, const tk_graph_edit& api) -> tokamak::expected<void> {
    const tk_status status = pass->run(self, editor, &api, &error);
    pass->destroy(self);
    require_ok(status, error);
    return {};
  });
  if (!edited) throw std::runtime_error(edited.error().to_string());
  return m;
}

/// How many ops of this name the model has.
inline std::size_t count_ops(const model& m, std::string_view name) {
  std::size_t n = 0;
  for (const auto& op : m.graph.ops()) n += op.name == name ? 1 : 0;
  return n;
}

} // namespace cpu_test
