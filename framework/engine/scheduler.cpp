// Messages of the scheduler actor onto scheduler_core, and its effects back onto messages.
#include "engine/scheduler.hpp"

#include "base/log.hpp"
#include "engine/kv_cache.hpp"
#include "message/actor_clock.hpp"
#include "message/status.hpp"
#include "message/wire_error.hpp"

#include <algorithm>
#include <chrono>

namespace tokamak::engine {
namespace {

struct scheduler_state;
using self_pointer = scheduler_actor::stateful_pointer<scheduler_state>;

// Sends what the core decides. Owner ids stand for addresses, so that the core needs no CAF.
class outgoing final : public scheduler_effects {
public:
  outgoing(self_pointer self, scheduler_peers peers) : self_(self), peers_(std::move(peers)) {}

  owner_id owner_of(const caf::strong_actor_ptr& sender);
  std::optional<owner_id> find_owner(const caf::actor_addr& address) const;

  void step(frame_of<wire::Step> step) override;
  void chunks(owner_id owner, wire::ChunksT chunks) override;
  void lookup(wire::CacheLookupT m) override { to_cache(make_frame<wire::CacheLookup>(m)); }
  void lease(wire::LeaseRequestT m) override { to_cache(make_frame<wire::LeaseRequest>(m)); }
  void commit(wire::CacheCommitT m) override { to_cache(make_frame<wire::CacheCommit>(m)); }
  void unpin(wire::UnpinT m) override { to_cache(make_frame<wire::Unpin>(m)); }
  void release(wire::ReleaseT m) override { to_cache(make_frame<wire::Release>(m)); }
  void book(wire::LedgerEntryT m) override;

private:
  template <class T>
  void to_cache(const frame_of<T>& frame);

  self_pointer self_;
  scheduler_peers peers_;
  std::vector<caf::strong_actor_ptr> owners_;
};

struct scheduler_state {
  std::unique_ptr<outgoing> out;
  std::unique_ptr<scheduler_core> core;
  std::string name;
  caf::strong_actor_ptr drainer;
  bool leaving = false;                 ///< its node drains
  std::uint64_t draining_sequences = 0; ///< that ran when its own drain began
  std::uint64_t timer_at_us = 0;
  std::vector<caf::strong_actor_ptr> watchers;
  std::uint64_t report_every_us = 0; ///< the least that a watcher asked for; 0: nobody watches
  std::uint64_t reported_us = 0, reported_generated = 0;
  double tokens_per_s = 0; ///< while it was busy
};

template <class T>
void outgoing::to_cache(const frame_of<T>& frame) {
  self_->send(caf::actor_cast<kv_cache_actor>(peers_.kv_cache), frame);
}

owner_id outgoing::owner_of(const caf::strong_actor_ptr& sender) {
  const auto it = std::find(owners_.begin(), owners_.end(), sender);
  if (it != owners_.end()) return static_cast<owner_id>(it - owners_.begin());
  owners_.push_back(sender);
  if (sender) self_->monitor(sender);
  return static_cast<owner_id>(owners_.size() - 1);
}

std::optional<owner_id> outgoing::find_owner(const caf::actor_addr& address) const {
  for (std::size_t i = 0; i < owners_.size(); ++i)
    if (owners_[i] && owners_[i]->address() == address) return static_cast<owner_id>(i);
  return std::nullopt;
}

void outgoing::step(frame_of<wire::Step> step) {
  for (const auto& shard : peers_.shards) self_->send(caf::actor_cast<step_sink>(shard), step);
}

void outgoing::chunks(owner_id owner, wire::ChunksT chunks) {
  if (owners_[owner]) self_->send(caf::actor_cast<chunk_sink>(owners_[owner]), make_frame<wire::Chunks>(chunks));
}

void outgoing::book(wire::LedgerEntryT m) {
  if (peers_.ledger) self_->send(caf::actor_cast<ledger_sink>(peers_.ledger), make_frame<wire::LedgerEntry>(m));
}

// One timer for the earliest deadline or lease end.
void rearm(self_pointer self) {
  auto& state = self->state;
  const auto next = state.core->next_deadline_us();
  if (next == 0 || (state.timer_at_us != 0 && state.timer_at_us <= next)) return;
  const auto now = now_us(self->system());
  state.timer_at_us = next;
  self->delayed_send(self, std::chrono::microseconds(next > now ? next - now : 0), tick_atom::value);
}

void tell_drained(self_pointer self) {
  auto& state = self->state;
  if (!state.drainer) return;
  wire::DrainedT message;
  message.name = state.name;
  message.moved = std::min<std::uint64_t>(state.core->n_sequences(), state.draining_sequences); // forks may have come
  message.finished = state.draining_sequences - message.moved;
  self->send(caf::actor_cast<drained_sink>(state.drainer), make_frame<wire::Drained>(message));
  state.drainer = nullptr;
}

void after_event(self_pointer self) {
  rearm(self);
  if (self->state.core->idle()) tell_drained(self);
}

// The speed of the last interval in which it was busy: an idle engine is as fast as it was.
void measure_speed(scheduler_state& state, std::uint64_t now) {
  const auto generated = state.core->counters().generated;
  if (generated > state.reported_generated && now > state.reported_us)
    state.tokens_per_s = static_cast<double>(generated - state.reported_generated) * 1e6 / static_cast<double>(now - state.reported_us);
  state.reported_generated = generated;
  state.reported_us = now;
}

void report_load(self_pointer self, const std::vector<caf::strong_actor_ptr>& to) {
  auto load = self->state.core->load();
  load.tokens_per_s = self->state.tokens_per_s;
  load.leaving = self->state.leaving;
  const auto frame = make_frame<wire::EngineLoad>(load);
  for (const auto& watcher : to) self->send(caf::actor_cast<load_sink>(watcher), frame);
}

void drain(self_pointer self, const wire::Drain& m) {
  auto& state = self->state;
  state.leaving = true;
  if (!m.announce()) {
    state.core->drain();
    state.drainer = self->current_sender();
    state.draining_sequences = state.core->n_sequences();
    self->delayed_send(self, std::chrono::microseconds(m.deadline_us()), cut_atom::value);
  }
  report_load(self, state.watchers); // pools place nothing here from now on
  after_event(self);
}

void watch(self_pointer self, const wire::Watch& m) {
  auto& state = self->state;
  const auto watcher = self->current_sender();
  if (!watcher) return;
  (void)state.out->owner_of(watcher); // monitors it
  const auto known = std::find(state.watchers.begin(), state.watchers.end(), watcher);
  if (m.interval_us() == 0) {
    if (known != state.watchers.end()) state.watchers.erase(known);
    return;
  }
  if (known == state.watchers.end()) state.watchers.push_back(watcher);
  report_load(self, {watcher});
  const bool idle = state.report_every_us == 0;
  state.report_every_us = idle ? m.interval_us() : std::min(state.report_every_us, m.interval_us());
  if (!idle) return;
  state.reported_us = now_us(self->system());
  self->delayed_send(self, std::chrono::microseconds(state.report_every_us), report_atom::value);
}

void report(self_pointer self) {
  auto& state = self->state;
  if (state.watchers.empty()) {
    state.report_every_us = 0;
    return;
  }
  measure_speed(state, now_us(self->system()));
  report_load(self, state.watchers);
  self->delayed_send(self, std::chrono::microseconds(state.report_every_us), report_atom::value);
}

frame_of<wire::ActorStatus> status_of(const scheduler_state& state) {
  const auto& c = state.core->counters();
  const auto number = [](auto v) { return static_cast<double>(v); };
  const auto waiting = state.core->n_waiting();
  const auto& lease = state.core->lease();
  double usage = 0; // of the group that is fullest: it decides what still fits
  for (std::size_t g = 0; g < lease.n_groups(); ++g)
    if (lease.total(g) > 0) usage = std::max(usage, number(lease.held(g)) / number(lease.total(g)));
  return make_status(state.name, "scheduler",
                     {{"running", number(state.core->n_sequences() - waiting)},
                      {"waiting", number(waiting)},
                      {"steps", number(c.steps)},
                      {"rows", number(c.rows)},
                      {"tokens_computed", number(c.computed)},
                      {"tokens_recomputed", number(c.recomputed)},
                      {"tokens_looked_up", number(c.looked_up)},
                      {"tokens_cached", number(c.cached)},
                      {"tokens_prompt", number(c.prompt)},
                      {"tokens_generated", number(c.generated)},
                      {"finished", number(c.finished)},
                      {"failed", number(c.failed)},
                      {"cancelled", number(c.cancelled)},
                      {"refused", number(c.refused)},
                      {"preempted", number(c.preempted)},
                      {"step_us", number(c.step_us)},
                      {"blocks_leased_free", number(lease.n_groups() ? lease.free(0) : 0)},
                      {"blocks_total", number(lease.n_groups() ? lease.total(0) : 0)},
                      {"block_size", number(state.core->block_size())},
                      {"kv_cache_usage", usage}});
}

// Runs an operation of the core with the sender as owner.
template <class T>
auto owned(self_pointer self, void (scheduler_core::*operation)(owner_id, const T&, std::uint64_t)) {
  return [self, operation](const frame_of<T>& m) {
    auto& state = self->state;
    ((*state.core).*operation)(state.out->owner_of(self->current_sender()), *m, now_us(self->system()));
    after_event(self);
  };
}

// Runs a function of the core that needs no owner.
template <class T>
auto plain(self_pointer self, void (scheduler_core::*function)(const T&, std::uint64_t)) {
  return [self, function](const frame_of<T>& m) {
    ((*self->state.core).*function)(*m, now_us(self->system()));
    after_event(self);
  };
}

// No step will come back any more: all sequences end, for others to go on with, and so does this scheduler.
void lose_engine(self_pointer self, const std::string& reason) {
  auto& state = self->state;
  log::error("scheduler", "engine.lost", {{"engine", state.name}, {"reason", reason}});
  state.core->drain();
  state.core->fail_all({errc::unavailable, fmt::format("engine '{}' was lost", state.name), {}}, now_us(self->system()));
}

void on_result(self_pointer self, const wire::StepResult& m) {
  if (m.id() == 0 && m.error()) {
    if (m.epoch() != self->state.core->epoch()) return;
    lose_engine(self, from_wire(*m.error()).message);
    after_event(self);
    return self->quit(caf::exit_reason::unhandled_exception);
  }
  self->state.core->result(m, now_us(self->system()));
  after_event(self);
}

void on_down(self_pointer self, const caf::down_msg& down, const scheduler_peers& peers) {
  auto& state = self->state;
  const auto is_shard = std::any_of(peers.shards.begin(), peers.shards.end(),
                                    [&](const auto& s) { return s && s->address() == down.source; });
  if (is_shard || (peers.kv_cache && peers.kv_cache->address() == down.source)) {
    lose_engine(self, self->system().render(down.reason));
  } else if (auto owner = state.out->find_owner(down.source)) {
    std::erase_if(state.watchers, [&](const auto& w) { return w->address() == down.source; });
    state.core->close_owner(*owner, now_us(self->system()));
  }
  after_event(self);
}

scheduler_actor::behavior_type scheduler_behavior(self_pointer self, const std::shared_ptr<scheduler_config>& config,
                                                  const plan_function& plan, const scheduler_peers& peers) {
  auto& state = self->state;
  state.name = config->name;
  state.out = std::make_unique<outgoing>(self, peers);
  state.core = std::make_unique<scheduler_core>(*config, plan, *state.out);
  for (const auto& shard : peers.shards) self->monitor(shard);
  self->monitor(peers.kv_cache);
  self->set_down_handler([=](const caf::down_msg& down) { on_down(self, down, peers); });
  return {
      owned(self, &scheduler_core::open),
      owned(self, &scheduler_core::extend),
      owned(self, &scheduler_core::generate),
      owned(self, &scheduler_core::fork),
      owned(self, &scheduler_core::truncate),
      [=](const frame_of<wire::Close>& m) {
        self->state.core->close(m->id(), now_us(self->system()));
        after_event(self);
      },
      plain(self, &scheduler_core::renew),
      plain(self, &scheduler_core::flow),
      plain(self, &scheduler_core::hit),
      plain(self, &scheduler_core::grant),
      [=](const frame_of<wire::StepResult>& m) { on_result(self, *m); },
      [=](const frame_of<wire::Drain>& m) { drain(self, *m); },
      [=](const frame_of<wire::Watch>& m) { watch(self, *m); },
      [=](tick_atom) {
        self->state.timer_at_us = 0;
        self->state.core->tick(now_us(self->system()));
        after_event(self);
      },
      [=](report_atom) { report(self); },
      [=](cut_atom) { tell_drained(self); },
      [=](const frame_of<wire::StatusRequest>&) { return status_of(self->state); },
  };
}

} // namespace

scheduler_actor spawn_scheduler(caf::actor_system& system, scheduler_config config, plan_function plan,
                                scheduler_peers peers, bool detached) {
  auto shared = std::make_shared<scheduler_config>(std::move(config));
  if (detached) return system.spawn<caf::detached>(scheduler_behavior, shared, std::move(plan), std::move(peers));
  return system.spawn(scheduler_behavior, shared, std::move(plan), std::move(peers));
}

} // namespace tokamak::engine
