// Messages of the shard actor onto shard_core, and its effects back onto messages.
#include "engine/shard.hpp"

#include "message/actor_clock.hpp"
#include "message/status.hpp"
#include "message/wire_error.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

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
  outgoing(self_pointer self, shard_peers peers) : self_(self), peers_(std::move(peers)) {}

  void answer_to(caf::strong_actor_ptr scheduler) { scheduler_ = std::move(scheduler); }
  void answer_transfers_to(caf::strong_actor_ptr kv_cache) { kv_cache_ = std::move(kv_cache); }
  void result(std::uint64_t, wire::StepResultT result) override {
    if (scheduler_) self_->send(caf::actor_cast<result_sink>(scheduler_), make_frame<wire::StepResult>(result));
  }
  // What comes before the next shard is known waits for it: steps may be faster than the word of who that is.
  void activations(frame_of<wire::Activations> frame) override {
    if (next_) self_->send(caf::actor_cast<activations_sink>(next_), std::move(frame));
    else if (!peers_.next.empty()) held_.push_back(std::move(frame));
  }
  void partial(frame_of<wire::Partial> frame) override {
    for (const auto& [name, rank] : ranks_) self_->send(caf::actor_cast<partial_sink>(rank), frame);
    if (ranks_.size() < peers_.ranks.size()) held_partials_.push_back(std::move(frame));
  }
  void transferred(frame_of<wire::CacheTransferred> frame) override {
    if (kv_cache_) self_->send(caf::actor_cast<transfer_sink>(kv_cache_), std::move(frame));
  }
  std::uint64_t now_us() override { return tokamak::now_us(self_->system()); }
  void connect(const std::string& name, const caf::strong_actor_ptr& shard) {
    const bool rank = std::find(peers_.ranks.begin(), peers_.ranks.end(), name) != peers_.ranks.end();
    if (!rank && name != peers_.next) return;
    self_->monitor(shard);
    lost_.erase(name);
    if (!rank) {
      next_ = shard;
      for (auto& frame : std::exchange(held_, {})) activations(std::move(frame));
      return;
    }
    ranks_[name] = shard;
    for (const auto& frame : held_partials_) self_->send(caf::actor_cast<partial_sink>(shard), frame);
    if (ranks_.size() == peers_.ranks.size()) held_partials_.clear();
  }

  // A shard that this one sends to is gone: so is the engine's head, which would wait for results that never come.
  void disconnect(const caf::actor_addr& address) {
    if (next_ && next_->address() == address) {
      next_ = nullptr;
      lost_.insert(peers_.next);
    }
    for (auto it = ranks_.begin(); it != ranks_.end();) {
      const bool gone = it->second->address() == address;
      if (gone) lost_.insert(it->first);
      it = gone ? ranks_.erase(it) : std::next(it);
    }
    report_loss(epoch_);
  }

  // False: a neighbour is missing that was there, and whoever sends steps is told.
  bool whole(std::uint64_t epoch) {
    if (epoch > epoch_) {
      held_.clear();
      held_partials_.clear();
    }
    epoch_ = std::max(epoch, epoch_);
    return !report_loss(epoch);
  }

private:
  bool report_loss(std::uint64_t epoch) {
    if (lost_.empty() || !scheduler_) return false;
    wire::StepResultT message;
    message.epoch = epoch;
    message.error = to_wire({errc::unavailable, fmt::format("shard '{}' is gone", *lost_.begin()), {}});
    self_->send(caf::actor_cast<result_sink>(scheduler_), make_frame<wire::StepResult>(message));
    return true;
  }

  self_pointer self_;
  shard_peers peers_;
  caf::strong_actor_ptr next_;
  caf::strong_actor_ptr scheduler_;
  caf::strong_actor_ptr kv_cache_;
  std::map<std::string, caf::strong_actor_ptr> ranks_;
  std::set<std::string> lost_; ///< neighbours that were there
  std::vector<frame_of<wire::Activations>> held_;
  std::vector<frame_of<wire::Partial>> held_partials_;
  std::uint64_t epoch_ = 0;
};

shard_state::~shard_state() = default;

frame_of<wire::ActorStatus> status_of(const shard_state& state) {
  const auto& c = state.core->counts();
  const auto info = state.core->describe();
  std::vector<std::pair<std::string, double>> counters{{"steps", static_cast<double>(c.steps)},
                                                       {"rows", static_cast<double>(c.rows)},
                                                       {"outputs", static_cast<double>(c.outputs)},
                                                       {"failed_steps", static_cast<double>(c.failed)},
                                                       {"busy_us", static_cast<double>(c.busy_us)},
                                                       {"sample_us", static_cast<double>(c.sample_us)},
                                                       {"blocks_read", static_cast<double>(c.blocks_read)},
                                                       {"blocks_filled", static_cast<double>(c.blocks_filled)},
                                                       {"threads", static_cast<double>(info.threads)},
                                                       {"memory_bytes", static_cast<double>(info.memory_bytes)}};
  for (auto& own : state.core->backend_counts()) counters.push_back(std::move(own));
  return make_status(state.name, "shard", counters);
}

shard_actor::behavior_type shard_behavior(self_pointer self, const std::string& name,
                                          const std::shared_ptr<shard_program>& program,
                                          const shard_peers& peers) {
  auto& state = self->state;
  state.name = name;
  state.out = std::make_unique<outgoing>(self, peers);
  const caf::actor_addr address = self->address();
  const auto post = [address](std::uint64_t job, tk_status status, std::string message) {
    if (auto shard = caf::actor_cast<shard_actor>(address))
      caf::anon_send(shard, done_atom::value, job, std::int32_t{status}, std::move(message));
  };
  state.core = std::make_unique<shard_core>(std::move(*program), post, *state.out);
  self->set_down_handler([=](const caf::down_msg& down) { self->state.out->disconnect(down.source); });
  return {
      [=](const frame_of<wire::Step>& m) {
        self->state.out->answer_to(self->current_sender());
        if (self->state.out->whole(m->epoch())) self->state.core->step(m);
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
      [=](imported_atom, const std::string&, const std::string& name, const caf::strong_actor_ptr& shard) {
        self->state.out->connect(name, shard);
      },
      [=](const frame_of<wire::StatusRequest>&) { return status_of(self->state); },
  };
}

} // namespace

shard_actor spawn_shard(caf::actor_system& system, std::string name, shard_program program, shard_peers peers, bool detached) {
  auto shared = std::make_shared<shard_program>(std::move(program));
  if (detached) return system.spawn<caf::detached>(shard_behavior, std::move(name), shared, std::move(peers));
  return system.spawn(shard_behavior, std::move(name), shared, std::move(peers));
}

} // namespace tokamak::engine
