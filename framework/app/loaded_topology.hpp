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

/// Loads the plugins of the file's [plugins], then checks the file against them. All errors, in file order.
tl::expected<loaded_topology, std::vector<error>> load_topology(const std::string& path);

/// The same, errors and warnings printed to standard error, one a line.
std::optional<loaded_topology> load_topology_or_complain(const std::string& path);

} // namespace tokamak::app
