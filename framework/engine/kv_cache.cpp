// Messages of the kv_cache actor onto kv_cache_core.
#include "engine/kv_cache.hpp"

#include "engine/scheduler.hpp"
#include "message/status.hpp"

namespace tokamak::engine {
namespace {

struct kv_cache_state {
  std::string name;
  std::optional<kv_cache_core> core;
};

kv_cache_actor::behavior_type kv_cache_behavior(kv_cache_actor::stateful_pointer<kv_cache_state> self,
                                                const std::string& name, const std::shared_ptr<kv_cache_core>& core) {
  self->state.name = name;
  self->state.core = std::move(*core);
  return {
      [=](const frame_of<wire::CacheLookup>& m) {
        if (auto sender = caf::actor_cast<scheduler_actor>(self->current_sender()))
          self->send(sender, make_frame<wire::CacheHit>(self->state.core->lookup(*m)));
      },
      [=](const frame_of<wire::LeaseRequest>& m) {
        if (auto sender = caf::actor_cast<scheduler_actor>(self->current_sender()))
          self->send(sender, make_frame<wire::LeaseGrant>(self->state.core->lease(*m)));
      },
      [=](const frame_of<wire::CacheCommit>& m) { self->state.core->commit(*m); },
      [=](const frame_of<wire::Unpin>& m) { self->state.core->unpin(*m); },
      [=](const frame_of<wire::Release>& m) { self->state.core->release(*m); },
      [=](const frame_of<wire::StatusRequest>&) {
        const auto& core_now = *self->state.core;
        const auto& c = core_now.counts();
        return make_status(self->state.name, "kv_cache",
                           {{"lookups", static_cast<double>(c.lookups)},
                            {"hits", static_cast<double>(c.hits)},
                            {"hit_tokens", static_cast<double>(c.hit_tokens)},
                            {"cached_blocks", static_cast<double>(core_now.cached_nodes())},
                            {"evicted_blocks", static_cast<double>(c.evicted)}});
      },
  };
}

} // namespace

kv_cache_actor spawn_kv_cache(caf::actor_system& system, std::string name, kv_cache_core core) {
  return system.spawn(kv_cache_behavior, std::move(name), std::make_shared<kv_cache_core>(std::move(core)));
}

} // namespace tokamak::engine
