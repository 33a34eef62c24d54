// What an engine's graph_pass plugins and its backend make of a model's graph.
#pragma once

#include "base/error.hpp"
#include "model/graph/graph.hpp"
#include "plugin/host.hpp"
#include "plugin/kernels_extension.hpp"
#include "plugin/registry.hpp"
#include "topology/topology.hpp"

#include <functional>

namespace tokamak::engine {

/// What passes do to the graph of one shard.
using graph_rewrite = std::function<expected<void>(graph&)>;

/// Sees the graph behind each pass.
using pass_observer = std::function<void(const std::string& pass, const graph&)>;

/// The engine's passes in their order, as one function that keeps their plugins: decompositions are functions there.
/// `settings` are the passes'. The result is checked after each pass. `observer` may be empty.
expected<graph_rewrite> make_passes(const topology::engine& config, const plugin::registry& registry,
                                    const plugin::host_settings& settings, pass_observer observer = {});

/// The whole graph as one shard would run it: behind the passes, and with the ops decomposed that the backend lacks.
/// `settings` are the engine's; its parts are named here.
expected<graph> executed_graph(graph model, const topology::engine& config, const plugin::registry& registry,
                               const plugin::host_settings& settings, pass_observer observer = {});

/// The kernels plugins of an engine and the kernels in them.
struct engine_kernels {
  std::vector<plugin::kernels_extension> plugins;
  std::vector<tk_kernel> list;
};
expected<engine_kernels> load_kernels(const topology::engine& config, const plugin::registry& registry,
                                      const plugin::host_settings& settings);

} // namespace tokamak::engine
