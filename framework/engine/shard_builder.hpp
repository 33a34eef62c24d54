// From a model's graph to what shards run: cut by layers or tensor slices, decomposed for the backend, weights bound,
// programs and caches created.
#pragma once

#include "engine/engine.hpp"
#include "engine/graph_passes.hpp"
#include "engine/memory_plan.hpp"
#include "engine/timers.hpp"
#include "model/graph/cut.hpp"

namespace tokamak::engine {

/// One graph for one shard, before it meets its backend.
struct shard_plan {
  std::vector<graph> segments;
  std::vector<std::string> partials; ///< [segments] the output summed over ranks behind this segment, or ""
  std::vector<std::string> reduced;  ///< [segments] where the sum goes on, or ""
  std::vector<weight_slice> slices;  ///< parts of weights that a tensor-parallel rank holds
  std::string received, sent;        ///< rows from the shard before and for the shard behind
  std::uint32_t rank = 0, ranks = 1;
};

/// Cuts as `shards` says, then rewrites each part: cuts know primitive ops only, and no fused op may straddle one. One
/// plan per shard, in pipeline or rank order.
expected<std::vector<shard_plan>> plan_shards(const graph& model, const topology::sharding& shards,
                                              const graph_rewrite& rewrite);

/// Creates backend, programs and cache of one shard. `n_blocks` per cache group; `call_later` for the backend's timers.
expected<shard_program> build_shard(shard_plan plan, const engine_setup& setup, std::span<const std::uint32_t> n_blocks,
                                    std::uint32_t threads, std::function<std::uint64_t()> clock, call_later_function call_later);

} // namespace tokamak::engine
