// The topology of commands that take a model file instead of a topology.
#pragma once

#include "topology/topology.hpp"

#include <string>

namespace tokamak::app {

/// One model, engine, pool and endpoint, all called `name` (also in error messages), with the plugins that come with
/// Tokamak. Without a frontend.
topology::topology one_model_topology(const std::string& name, const std::string& model, const std::string& backend);

} // namespace tokamak::app
