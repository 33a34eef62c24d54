// All nodes of a topology as processes of this machine: `tokamak serve --all`.
#pragma once

#include "topology/topology.hpp"

#include <string>
#include <vector>

namespace tokamak::app {

/// Starts `program serve FILE --node NAME` for each node and waits for all. SIGTERM and SIGINT go on to them; where one fails, the
/// others are asked to end too; one that leaves in order leaves the others running. They end with this process, however it ends. Returns the exit status: the first
/// that is not 0. REQUIRES: no other thread exists.
int run_all_nodes(const std::string& program, const topology::topology& t);

} // namespace tokamak::app
