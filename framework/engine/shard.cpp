// Messages of the shard actor onto shard_core, and its effects back onto messages.
#include "engine/shard.hpp"

#include "message/actor_clock.hpp"
#include "message/status.hpp"

namespace tokamak::engine {
namespace {

class outgoing;

struct shard_state {
  std::string name;
  std::unique_ptr<outgoing> out;
  std::unique_ptr<shard_core> core;
  ~shard_state();
};

using self_pointer = shard_actor::stateful_pointer<shard_state>;

class outgoing final : public shard_effects {
public:
  outgoing(self_pointer self, caf::strong_actor_ptr next) : self_(self), next_(std::move(next)) {}

  void answer_to(caf::strong_actor_ptr scheduler) { scheduler_ = std::move(scheduler); }
  void answer_transfers_to(caf::strong_actor_ptr kv_cache) { kv_cache_ = std::move(kv_cache); }
  void result(std::uint64_t, wire::StepResultT result) override {
    if (scheduler_) self_->send(caf::actor_cast<result_sink>(scheduler_), make_frame<wire::StepResult>(result));
  }
  void activations(frame_of<wire::Activations> frame) override {
    if (next_) self_->send(caf::actor_cast<activations_sink>(next_), std::move(frame));
  }
  void partial(frame_of<wire::Partial> frame) override {
    for (const auto& rank : ranks_) self_->send(caf::actor_cast<partial_sink>(rank), frame);
  }
  void transferred(frame_of<wire::CacheTransferred> frame) override {
    if (kv_cache_) self_->send(caf::actor_cast<transfer_sink>(kv_cache_), std::move(frame));
  }
  std::uint64_t now_us() override { return tokamak::now_us(self_->system()); }
  void add_rank(caf::strong_actor_ptr rank) { ranks_.push_back(std::move(rank)); }

private:
  self_pointer self_;
  caf::strong_actor_ptr next_;
  caf::strong_actor_ptr scheduler_;
  caf::strong_actor_ptr kv_cache_;
  std::vector<caf::strong_actor_ptr> ranks_;
};

shard_state::~shard_state() = default;

frame_of<wire::ActorStatus> status_of(const shard_state& state) {
  const auto& c = state.core->counts();
  const auto info = state.core->describe();
  return make_status(state.name, "shard",
                     {{"steps", static_cast<double>(c.steps)},
                      {"rows", static_cast<double>(c.rows)},
                      {"outputs", static_cast<double>(c.outputs)},
                      {"failed_steps", static_cast<double>(c.failed)},
                      {"busy_us", static_cast<double>(c.busy_us)},
                      {"sample_us", static_cast<double>(c.sample_us)},
                      {"blocks_read", static_cast<double>(c.blocks_read)},
                      {"blocks_filled", static_cast<double>(c.blocks_filled)},
                      {"threads", static_cast<double>(info.threads)},
                      {"memory_bytes", static_cast<double>(info.memory_bytes)}});
}

shard_actor::behavior_type shard_behavior(self_pointer self, const std::string& name,
                                          const std::shared_ptr<shard_program>& program,
                                          const caf::strong_actor_ptr& next) {
  auto& state = self->state;
  state.name = name;
  state.out = std::make_unique<outgoing>(self, next);
  const caf::actor_addr address = self->address();
  const auto post = [address](std::uint64_t job, tk_status status, std::string message) {
    if (auto shard = caf::actor_cast<shard_actor>(address))
      caf::anon_send(shard, done_atom::value, job, std::int32_t{status}, std::move(message));
  };
  state.core = std::make_unique<shard_core>(std::move(*program), post, *state.out);
  return {
      [=](const frame_of<wire::Step>& m) {
        self->state.out->answer_to(self->current_sender());
        self->state.core->step(m);
      },
      [=](const frame_of<wire::Activations>& m) { self->state.core->activations(m); },
      [=](const frame_of<wire::Partial>& m) { self->state.core->partial(m); },
      [=](const frame_of<wire::CacheTransfer>& m) {
        self->state.out->answer_transfers_to(self->current_sender());
        self->state.core->transfer(m);
      },
      [=](done_atom, std::uint64_t job, std::int32_t status, const std::string& message) {
        self->state.core->done(job, status, message);
      },
      [=](ranks_atom, const caf::strong_actor_ptr& rank) { self->state.out->add_rank(rank); },
      [=](const frame_of<wire::StatusRequest>&) { return status_of(self->state); },
  };
}

} // namespace

shard_actor spawn_shard(caf::actor_system& system, std::string name, shard_program program, caf::strong_actor_ptr next,
                        bool detached) {
  auto shared = std::make_shared<shard_program>(std::move(program));
  if (detached) return system.spawn<caf::detached>(shard_behavior, std::move(name), shared, std::move(next));
  return system.spawn(shard_behavior, std::move(name), shared, std::move(next));
}

} // namespace tokamak::engine
