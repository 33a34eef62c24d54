// Spawning a head.
#include "engine/engine_head.hpp"

namespace tokamak::engine {

expected<engine_head> spawn_head(caf::actor_system& system, const head_plan& plan, std::vector<caf::strong_actor_ptr> shards,
                                 std::uint64_t epoch) {
  auto policy = plan.make_policy();
  if (!policy) return fail(policy.error());
  auto scheduling = plan.scheduling;
  scheduling.epoch = epoch;
  engine_head head;
  head.kv_cache = spawn_kv_cache(system, scheduling.name, kv_cache_core(scheduling.groups, std::move(*policy)), plan.model, epoch, shards);
  scheduler_peers peers{caf::actor_cast<caf::strong_actor_ptr>(head.kv_cache), std::move(shards), plan.ledger};
  head.scheduler = spawn_scheduler(system, std::move(scheduling), plan.plan, std::move(peers), plan.detached);
  return head;
}

} // namespace tokamak::engine
