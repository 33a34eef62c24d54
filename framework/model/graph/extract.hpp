// A run of ops as a graph of its own: what all cuts are made of.
#pragma once

#include "model/graph/graph.hpp"

namespace tokamak {

/// Ops [begin, end) with the values they touch, names and order unchanged. Values written before `begin` become inputs;
/// values that ops from `end` on read become outputs. Groups and definitions are copied.
graph extract_ops(const graph& g, std::size_t begin, std::size_t end);

} // namespace tokamak
