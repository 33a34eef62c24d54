// A whole service and its clients under a virtual clock: the actors, plugins and frames of `serve`, driven by a load.
#pragma once

#include "app/simulation/summary.hpp"
#include "plugin/registry.hpp"
#include "topology/topology.hpp"

namespace tokamak::app {

struct simulation_setup {
  load planned; ///< endpoints are the topology's
  goodput_limits limits;
  std::optional<double> price; ///< of an engine and hour
};

/// Runs all requests to their end. Every engine's backend must be `simulated` (costs.hpp), or complete its steps at once.
/// The automatic size of a cache is that of a machine with memory enough. On the caller's thread. Errors: what could not
/// start; internal where requests were left of which nothing more came.
expected<simulation_summary> simulate(const topology::topology& topology, const plugin::registry& registry, const simulation_setup& setup);

} // namespace tokamak::app
