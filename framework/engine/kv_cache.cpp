// Messages of the kv_cache actor onto kv_cache_core.
#include "engine/kv_cache.hpp"

#include "engine/scheduler.hpp"
#include "message/status.hpp"

namespace tokamak::engine {
namespace {

class outgoing;

struct kv_cache_state {
  std::string name;
  std::optional<kv_cache_core> core;
  std::unique_ptr<outgoing> out;
  std::optional<cache_transfers> transfers;
  ~kv_cache_state();
};

using self_pointer = kv_cache_actor::stateful_pointer<kv_cache_state>;
using shard_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::CacheTransfer>>>;

// Sends what transfers decide; numbers stand for askers, so that they need no CAF.
class outgoing final : public transfer_effects {
public:
  outgoing(self_pointer self, std::vector<caf::strong_actor_ptr> shards) : self_(self), shards_(std::move(shards)) {}

  std::uint64_t asker() {
    askers_.emplace(next_, self_->current_sender());
    return next_++;
  }
  void to_shard(std::size_t shard, frame_of<wire::CacheTransfer> frame) override {
    self_->send(caf::actor_cast<shard_sink>(shards_[shard]), std::move(frame));
  }
  void answer(std::uint64_t asker, frame_of<wire::CacheBlocks> frame) override { reply<blocks_sink>(asker, frame); }
  void answer(std::uint64_t asker, frame_of<wire::CacheImported> frame) override { reply<imported_sink>(asker, frame); }

private:
  template <class Sink, class T>
  void reply(std::uint64_t asker, const frame_of<T>& frame) {
    const auto to = askers_.extract(asker);
    if (!to.empty() && to.mapped()) self_->send(caf::actor_cast<Sink>(to.mapped()), frame);
  }

  self_pointer self_;
  std::vector<caf::strong_actor_ptr> shards_;
  std::map<std::uint64_t, caf::strong_actor_ptr> askers_;
  std::uint64_t next_ = 0;
};

kv_cache_state::~kv_cache_state() = default;

kv_cache_actor::behavior_type kv_cache_behavior(self_pointer self, const std::string& name,
                                                const std::shared_ptr<kv_cache_core>& core, const std::string& model, std::uint64_t epoch,
                                                const std::vector<caf::strong_actor_ptr>& shards) {
  auto& state = self->state;
  state.name = name;
  state.core = std::move(*core);
  state.out = std::make_unique<outgoing>(self, shards);
  state.transfers.emplace(*state.core, model, epoch, static_cast<std::uint32_t>(shards.size()), *state.out);
  for (const auto& shard : shards) self->monitor(shard);
  self->set_down_handler([=](const caf::down_msg&) {
    self->state.transfers->lose_shard({errc::unavailable, fmt::format("engine '{}' lost a shard", self->state.name), {}});
  });
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
      [=](const frame_of<wire::CacheExport>& m) {
        self->state.transfers->export_blocks(self->state.out->asker(), *m);
      },
      [=](const frame_of<wire::CacheBlocks>& m) { self->state.transfers->import_blocks(self->state.out->asker(), m); },
      [=](const frame_of<wire::CacheTransferred>& m) { self->state.transfers->transferred(m); },
      [=](const frame_of<wire::StatusRequest>&) {
        const auto& core_now = *self->state.core;
        const auto& c = core_now.counts();
        const auto& t = self->state.transfers->counts();
        return make_status(self->state.name, "kv_cache",
                           {{"lookups", static_cast<double>(c.lookups)},
                            {"hits", static_cast<double>(c.hits)},
                            {"hit_tokens", static_cast<double>(c.hit_tokens)},
                            {"blocks_free", static_cast<double>(core_now.n_groups() ? core_now.free(0) : 0)},
                            {"cached_blocks", static_cast<double>(core_now.cached_nodes())},
                            {"evicted_blocks", static_cast<double>(c.evicted)},
                            {"exported_tokens", static_cast<double>(t.exported_tokens)},
                            {"imported_tokens", static_cast<double>(t.imported_tokens)},
                            {"failed_transfers", static_cast<double>(t.failed)}});
      },
  };
}

} // namespace

kv_cache_actor spawn_kv_cache(caf::actor_system& system, std::string name, kv_cache_core core, std::string model,
                              std::uint64_t epoch, std::vector<caf::strong_actor_ptr> shards) {
  return system.spawn(kv_cache_behavior, std::move(name), std::make_shared<kv_cache_core>(std::move(core)),
                      std::move(model), epoch, std::move(shards));
}

} // namespace tokamak::engine
