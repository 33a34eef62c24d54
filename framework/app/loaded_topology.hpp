// A topology file together with the plugins it names: what every command that needs one starts with.
#pragma once

#include "plugin/registry.hpp"
#include "topology/topology.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tokamak::app {

struct loaded_topology {
  plugin::registry registry;
  topology::topology topology;
  std::vector<error> warnings;
};

/// Loads the plugins of the file's [plugins], checks the file against them, opens its models' files and creates each
/// fusion plugin with its members. Starts nothing. All errors, in the order of the file; before them those of plugins
/// that the file does not name.
tl::expected<loaded_topology, std::vector<error>> load_topology(const std::string& path);

/// What a start would find wrong with the models and takes longer to see: pinned hashes, tokenizers, chat templates,
/// graphs. In the order of the file.
std::vector<error> check_models(const topology::topology& topology);

/// load_topology, errors and warnings printed to standard error, one a line. `thorough`: check_models too.
std::optional<loaded_topology> load_topology_or_complain(const std::string& path, bool thorough = false);

} // namespace tokamak::app
