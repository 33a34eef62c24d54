// Which nodes of a topology have links with each other, and what one of them needs for its own.
#pragma once

#include "network/links.hpp"
#include "topology/topology.hpp"

namespace tokamak::app {

/// Whether two nodes talk: they share an engine, or one has frontends, whose clients may ask about every node.
bool linked(const topology::topology& t, const std::string& a, const std::string& b);

/// Settings of the links of `node`; no peers where nobody talks to it. Of two nodes the one that the file names first
/// listens. Reads key files. Errors: those of key files, with the node's place in the file.
expected<network::links_setup> links_of(const topology::topology& t, const std::string& node);

} // namespace tokamak::app
