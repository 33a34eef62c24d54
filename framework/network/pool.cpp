// Messages of the pool actor onto pool_core, and its effects back onto messages.
#include "network/pool.hpp"

#include "base/log.hpp"
#include "message/actor_clock.hpp"
#include "message/status.hpp"

#include <algorithm>
#include <random>
#include <unordered_map>

namespace tokamak::network {
namespace {

class outgoing;

using watched_engine = caf::typed_actor<caf::reacts_to<frame_of<wire::Watch>>>;

struct pool_state {
  std::string name;
  std::string node;
  std::string model;
  std::uint64_t heartbeat_us = 0;
  std::unique_ptr<outgoing> out;
  std::optional<plugin::placement_instance> placement;
  std::unique_ptr<pool_core> core;
  ~pool_state();
};

using self_pointer = pool_actor::stateful_pointer<pool_state>;

class outgoing final : public pool_effects {
public:
  outgoing(self_pointer self, const pool_setup& setup)
      : self_(self), members_(setup.members), ledger_(setup.ledger), background_(setup.background) {}

  owner_id owner_of(const caf::strong_actor_ptr& sender) {
    const auto it = std::find(owners_.begin(), owners_.end(), sender);
    if (it != owners_.end()) return static_cast<owner_id>(it - owners_.begin());
    owners_.push_back(sender);
    if (sender) self_->monitor(sender);
    return static_cast<owner_id>(owners_.size() - 1);
  }
  const std::vector<caf::strong_actor_ptr>& owners() const { return owners_; }
  const std::vector<pool_member>& members() const { return members_; }
  // Null: it is lost.
  void join(std::size_t member, caf::strong_actor_ptr engine) {
    if (const auto& before = members_[member].engine) by_actor_.erase(before->id());
    if (engine) by_actor_[engine->id()] = member;
    members_[member].engine = std::move(engine);
  }
  std::optional<std::size_t> member_of(const caf::strong_actor_ptr& engine) const {
    const auto it = engine ? by_actor_.find(engine->id()) : by_actor_.end();
    return it == by_actor_.end() ? std::nullopt : std::optional(it->second);
  }

  // Its load, and with it a sign of life, comes from now on.
  void watch(std::size_t member, std::uint64_t interval_us) {
    wire::WatchT m;
    m.interval_us = interval_us;
    self_->monitor(members_[member].engine);
    self_->send(caf::actor_cast<watched_engine>(members_[member].engine), make_frame<wire::Watch>(m));
  }

  void to_member(std::size_t member, frame_of<wire::Open> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Extend> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Generate> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Fork> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Truncate> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Close> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Renew> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Flow> m) override { forward(member, m); }
  void chunks(owner_id owner, wire::ChunksT chunks) override {
    if (owners_[owner]) self_->send(caf::actor_cast<chunk_sink>(owners_[owner]), make_frame<wire::Chunks>(chunks));
  }
  void book(wire::LedgerEntryT entry) override {
    if (ledger_) self_->send(caf::actor_cast<ledger_sink>(ledger_), make_frame<wire::LedgerEntry>(entry));
  }
  std::uint64_t random() override { return random_(); }
  std::int64_t unix_time_s() override { return tokamak::unix_time_s(); }
  std::uint64_t now_us() override { return tokamak::now_us(self_->system()); }
  void background(background_work work) override { self_->send(caf::actor_cast<background_actor>(background_), background_job{std::make_shared<background_work>(std::move(work))}); }

private:
  template <class T>
  void forward(std::size_t member, const frame_of<T>& m) {
    if (members_[member].engine) self_->send(caf::actor_cast<sequence_server>(members_[member].engine), m);
  }

  self_pointer self_;
  std::vector<pool_member> members_;
  caf::strong_actor_ptr ledger_;
  caf::strong_actor_ptr background_;
  std::unordered_map<caf::actor_id, std::size_t> by_actor_; ///< members
  std::vector<caf::strong_actor_ptr> owners_;
  std::mt19937_64 random_{std::random_device{}()};
};

pool_state::~pool_state() = default;

template <class T>
auto owned(self_pointer self, void (pool_core::*operation)(owner_id, const frame_of<T>&)) {
  return [self, operation](const frame_of<T>& m) {
    ((*self->state.core).*operation)(self->state.out->owner_of(self->current_sender()), m);
  };
}

template <class T>
auto plain(self_pointer self, void (pool_core::*function)(const T&)) {
  return [self, function](const frame_of<T>& m) { ((*self->state.core).*function)(*m); };
}

void on_down(self_pointer self, const caf::down_msg& down) {
  auto& state = self->state;
  const auto& members = state.out->members();
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].engine && members[i].engine->address() == down.source) {
      log::error("pool", "engine.down", {{"pool", state.name}, {"engine", members[i].name}});
      state.out->join(i, nullptr);
      return state.core->set_available(i, false);
    }
  const auto& owners = state.out->owners();
  for (std::size_t i = 0; i < owners.size(); ++i)
    if (owners[i] && owners[i]->address() == down.source) return state.core->close_owner(static_cast<owner_id>(i));
}

frame_of<wire::ActorStatus> status_of(const pool_state& state) {
  const auto& c = state.core->counts();
  return make_status(state.name, "pool",
                     {{"open", static_cast<double>(state.core->n_streams())},
                      {"opened", static_cast<double>(c.opened)},
                      {"finished", static_cast<double>(c.finished)},
                      {"failed", static_cast<double>(c.failed)},
                      {"prompt_tokens", static_cast<double>(c.prompt_tokens)},
                      {"delivered_tokens", static_cast<double>(c.delivered_tokens)},
                      {"discarded_tokens", static_cast<double>(c.discarded_tokens)},
                      {"resumed", static_cast<double>(c.resumed)},
                      {"engines", static_cast<double>(state.out->members().size())},
                      {"engines_available", static_cast<double>(state.core->n_available())}});
}

// An engine is there, or there again.
void on_imported(self_pointer self, const std::string& node, const std::string& name, const caf::strong_actor_ptr& engine) {
  auto& state = self->state;
  const auto& members = state.out->members();
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].node != node || scheduler_offer(members[i].name) != name) continue;
    if (members[i].engine) state.core->set_available(i, false); // another instance: the last one has forgotten everything
    state.out->join(i, engine);
    state.out->watch(i, state.heartbeat_us); // it is available with its first load
  }
}

void on_load(self_pointer self, const wire::EngineLoad& m) {
  auto& state = self->state;
  const auto found = state.out->member_of(self->current_sender());
  if (!found) return; // of a session that ended
  const auto i = *found;
  const auto& engine = state.out->members()[i].name;
  const auto model = m.model() ? m.model()->str() : std::string();
  if (!state.model.empty() && !model.empty() && model != state.model) {
    log::error("pool", "engine.other_weights", {{"pool", state.name}, {"engine", engine}, {"found", model}, {"expected", state.model}});
    state.out->join(i, nullptr);
    return state.core->set_available(i, false);
  }
  // An engine of this process is never taken for lost: where it is slow, so is everything here.
  const auto now = state.out->members()[i].node == state.node ? 0 : now_us(self->system());
  if (state.core->heard(i, m, now)) log::info("pool", "engine.available", {{"pool", state.name}, {"engine", engine}});
}

void on_pulse(self_pointer self) {
  auto& state = self->state;
  for (const auto i : state.core->drop_silent(now_us(self->system()), 2 * state.heartbeat_us))
    log::error("pool", "engine.silent", {{"pool", state.name}, {"engine", state.out->members()[i].name}});
  self->delayed_send(self, std::chrono::microseconds(state.heartbeat_us / 2), pulse_atom::value);
}

void join_members(self_pointer self, const pool_setup& setup) {
  auto& state = self->state;
  for (std::size_t i = 0; i < setup.members.size(); ++i) {
    const auto& m = setup.members[i];
    if (m.engine) {
      state.out->join(i, m.engine);
      state.out->watch(i, state.heartbeat_us);
    } else {
      state.core->set_available(i, false);
      self->send(caf::actor_cast<import_source>(m.source), import_atom::value, m.node, scheduler_offer(m.name));
    }
  }
  self->delayed_send(self, std::chrono::microseconds(state.heartbeat_us / 2), pulse_atom::value);
}

pool_actor::behavior_type pool_behavior(self_pointer self, const std::shared_ptr<pool_setup>& setup,
                                        const std::shared_ptr<plugin::placement_instance>& made) {
  auto& state = self->state;
  state.name = setup->name;
  state.node = setup->node;
  state.model = setup->model;
  state.heartbeat_us = setup->heartbeat_us;
  state.placement = std::move(*made);
  std::vector<std::string> names;
  for (const auto& m : setup->members) names.push_back(m.name);
  state.out = std::make_unique<outgoing>(self, *setup);
  auto* placement = &*state.placement;
  state.core = std::make_unique<pool_core>(
      std::move(setup->card), std::move(names),
      [placement](const tk_placement_request& r, std::span<const tk_placement_member> m) { return placement->choose(r, m); },
      *state.out);
  self->set_down_handler([=](const caf::down_msg& down) { on_down(self, down); });
  join_members(self, *setup);
  return {
      owned(self, &pool_core::open),
      owned(self, &pool_core::extend),
      owned(self, &pool_core::generate),
      owned(self, &pool_core::fork),
      owned(self, &pool_core::truncate),
      plain(self, &pool_core::close),
      plain(self, &pool_core::renew),
      plain(self, &pool_core::flow),
      plain(self, &pool_core::chunks),
      [=](const frame_of<wire::EngineLoad>& m) { on_load(self, *m); },
      [=](imported_atom, const std::string& node, const std::string& name, const caf::strong_actor_ptr& engine) {
        on_imported(self, node, name, engine);
      },
      [=](pulse_atom) { on_pulse(self); },
      [=](const background_end& end) { (*end.rest)(); },
      [=](const frame_of<wire::StatusRequest>&) { return status_of(self->state); },
  };
}

} // namespace

pool_actor spawn_pool(caf::actor_system& system, pool_setup setup, plugin::placement_instance placement) {
  return system.spawn(pool_behavior, std::make_shared<pool_setup>(std::move(setup)), std::make_shared<plugin::placement_instance>(std::move(placement)));
}

} // namespace tokamak::network
