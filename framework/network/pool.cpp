// Messages of the pool actor onto pool_core, and its effects back onto messages.
#include "network/pool.hpp"

#include "base/log.hpp"
#include "message/actor_clock.hpp"
#include "message/status.hpp"

#include <algorithm>
#include <random>

namespace tokamak::network {
namespace {

class outgoing;

struct pool_state {
  std::string name;
  std::unique_ptr<outgoing> out;
  std::optional<plugin::placement_instance> placement;
  std::unique_ptr<pool_core> core;
  ~pool_state();
};

using self_pointer = pool_actor::stateful_pointer<pool_state>;

class outgoing final : public pool_effects {
public:
  outgoing(self_pointer self, std::vector<pool_member> members, caf::strong_actor_ptr ledger)
      : self_(self), members_(std::move(members)), ledger_(std::move(ledger)) {}

  owner_id owner_of(const caf::strong_actor_ptr& sender) {
    const auto it = std::find(owners_.begin(), owners_.end(), sender);
    if (it != owners_.end()) return static_cast<owner_id>(it - owners_.begin());
    owners_.push_back(sender);
    if (sender) self_->monitor(sender);
    return static_cast<owner_id>(owners_.size() - 1);
  }
  const std::vector<caf::strong_actor_ptr>& owners() const { return owners_; }
  const std::vector<pool_member>& members() const { return members_; }

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

private:
  template <class T>
  void forward(std::size_t member, const frame_of<T>& m) {
    self_->send(caf::actor_cast<sequence_server>(members_[member].engine), m);
  }

  self_pointer self_;
  std::vector<pool_member> members_;
  caf::strong_actor_ptr ledger_;
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
                      {"resumed", static_cast<double>(c.resumed)}});
}

/// What a pool starts with, moved into the actor.
struct pool_setup {
  std::string name;
  model_card card;
  std::vector<pool_member> members;
  plugin::placement_instance placement;
  caf::strong_actor_ptr ledger;
};

pool_actor::behavior_type pool_behavior(self_pointer self, const std::shared_ptr<pool_setup>& setup) {
  auto& state = self->state;
  state.name = setup->name;
  state.placement = std::move(setup->placement);
  std::vector<std::string> names;
  for (const auto& m : setup->members) {
    names.push_back(m.name);
    self->monitor(m.engine);
  }
  state.out = std::make_unique<outgoing>(self, setup->members, setup->ledger);
  auto* placement = &*state.placement;
  state.core = std::make_unique<pool_core>(
      std::move(setup->card), std::move(names),
      [placement](const tk_placement_request& r, std::span<const tk_placement_member> m) { return placement->choose(r, m); },
      *state.out);
  self->set_down_handler([=](const caf::down_msg& down) { on_down(self, down); });
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
      [=](const frame_of<wire::StatusRequest>&) { return status_of(self->state); },
  };
}

} // namespace

pool_actor spawn_pool(caf::actor_system& system, std::string name, model_card card, std::vector<pool_member> members,
                      plugin::placement_instance placement, caf::strong_actor_ptr ledger) {
  return system.spawn(pool_behavior, std::make_shared<pool_setup>(pool_setup{std::move(name), std::move(card), std::move(members), std::move(placement), std::move(ledger)}));
}

} // namespace tokamak::network
