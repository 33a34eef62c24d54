// The part of an engine that is on one node in any case: its scheduler and its kv_cache, over shards that may be anywhere.
#pragma once

#include "engine/kv_cache.hpp"
#include "engine/scheduler.hpp"

namespace tokamak::engine {

/// All that heads of one engine have in common.
struct head_plan {
  scheduler_config scheduling;
  plan_function plan;
  std::function<expected<std::optional<plugin::cache_policy_instance>>()> make_policy; ///< a fresh one
  std::string model;            ///< fingerprint of the weights
  caf::strong_actor_ptr ledger; ///< or null
  bool detached = true;
};

struct engine_head {
  scheduler_actor scheduler;
  kv_cache_actor kv_cache;
};

/// `shards`: all of the engine, in order. `epoch`: higher than that of any head before it; shards forget what was before. Errors: those
/// of the cache policy.
expected<engine_head> spawn_head(caf::actor_system& system, const head_plan& plan, std::vector<caf::strong_actor_ptr> shards,
                                 std::uint64_t epoch);

} // namespace tokamak::engine
