// What the engines of a simulated topology cost: their backends replaced by `simulated`, with a cost model.
#pragma once

#include "plugin/registry.hpp"
#include "topology/topology.hpp"

#include <map>
#include <string>

namespace tokamak::app {

/// A file of cost models: at the top the options of the backend `simulated`, as `tokamak bench MODEL --fit` prints them,
/// and in [models.NAME] those for the engines of one model.
struct cost_file {
  std::string path;
  option_value all{option_value::table{}, 0, 0}; ///< for models that the file does not name
  std::map<std::string, option_value> models;
  bool has_all = false;

  /// Options are checked against the plugin. Errors have their place in the file.
  static expected<cost_file> read(const std::string& path, const plugin::registry& registry);
};

/// Gives each engine a simulated backend. Engines whose backend is `simulated` already keep theirs as it is; of the others
/// that are cut, each shard does its share. `costs` may be null. Errors: invalid_argument at the engine that has no costs.
expected<void> simulate_backends(topology::topology& topology, const cost_file* costs);

} // namespace tokamak::app
