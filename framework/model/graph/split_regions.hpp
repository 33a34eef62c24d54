// Which values of a graph tensor-parallel ranks may share out: the analysis behind slice_tensor().
#pragma once

#include "base/error.hpp"
#include "model/graph/graph.hpp"

#include <cstdint>
#include <vector>

namespace tokamak {

/// Rows that must be cut alike: joined by ops that work column by column or head by head, bounded by matmuls.
struct split_region {
  bool split = false;       ///< columns are shared out; else every rank computes all of them
  std::uint64_t units = 0;  ///< indivisible parts of each value: K/V heads, or quantised blocks of the matmul behind
};

/// The regions of a graph. Pure.
class split_regions {
public:
  /// Finds regions and decides which are split over `ranks`. Errors as slice_tensor().
  static expected<split_regions> find(const graph& g, std::uint32_t ranks);

  /// Of a value that is rows.
  const split_region& of(value_id id) const { return regions_[root_[id]]; }
  /// Of a cache group's layers: null if they are whole. Errors: unsupported where layers of one group differ.
  expected<const split_region*> of_group(const graph& g, std::uint32_t group) const;

private:
  std::vector<std::uint32_t> root_;   ///< [values, then layers of groups] the representative
  std::vector<split_region> regions_; ///< by representative
  std::vector<std::uint32_t> layer_begin_; ///< [groups] where a group's layers begin in root_
};

} // namespace tokamak
