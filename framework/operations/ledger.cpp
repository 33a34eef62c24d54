// Books entries; kinds outside the schema are ignored (frames are verified, enums are not).
#include "operations/ledger.hpp"

#include "message/status.hpp"

namespace tokamak::operations {
namespace {

struct ledger_state {
  std::string name;
  token_account total;
  std::map<std::string, token_account> tenants;
};

void book(ledger_state& state, const wire::LedgerEntry& entry) {
  const auto n = entry.kinds() ? entry.kinds()->size() : 0;
  auto& tenant = state.tenants[entry.tenant() ? entry.tenant()->str() : std::string()];
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto kind = static_cast<wire::TokenKind>(entry.kinds()->Get(i));
    if (static_cast<std::size_t>(kind) >= token_account::n_kinds) continue;
    state.total.book(kind, entry.amounts()->Get(i));
    tenant.book(kind, entry.amounts()->Get(i));
  }
}

frame_of<wire::ActorStatus> status_of(const ledger_state& state) {
  const auto of = [&](wire::TokenKind kind) { return static_cast<double>(state.total.of(kind)); };
  return make_status(state.name, "ledger",
                     {{"tokens_computed", of(wire::TokenKind::computed)},
                      {"tokens_cached", of(wire::TokenKind::cached)},
                      {"tokens_recomputed", of(wire::TokenKind::recomputed)},
                      {"tokens_delivered", of(wire::TokenKind::delivered)},
                      {"tokens_discarded", of(wire::TokenKind::discarded)},
                      {"tenants", static_cast<double>(state.tenants.size())}});
}

ledger_actor::behavior_type ledger_behavior(ledger_actor::stateful_pointer<ledger_state> self, const std::string& name) {
  self->state.name = name;
  return {
      [=](const frame_of<wire::LedgerEntry>& m) { book(self->state, *m); },
      [=](const frame_of<wire::StatusRequest>&) { return status_of(self->state); },
  };
}

} // namespace

ledger_actor spawn_ledger(caf::actor_system& system, std::string name) {
  return system.spawn(ledger_behavior, std::move(name));
}

} // namespace tokamak::operations
