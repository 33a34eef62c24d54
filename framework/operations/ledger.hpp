// The ledger actor (DESIGN.md 2): token accounts by kind, per tenant and per engine.
#pragma once

#include "message/sequence_actors.hpp"

#include <caf/all.hpp>

#include <array>
#include <map>
#include <string>

namespace tokamak::operations {

using ledger_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::LedgerEntry>>, // tokens to book
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

/// Sums by token kind.
class token_account {
public:
  static constexpr std::size_t n_kinds = static_cast<std::size_t>(wire::TokenKind::MAX) + 1;
  void book(wire::TokenKind kind, std::uint64_t amount) { amounts_[static_cast<std::size_t>(kind)] += amount; }
  std::uint64_t of(wire::TokenKind kind) const { return amounts_[static_cast<std::size_t>(kind)]; }

private:
  std::array<std::uint64_t, n_kinds> amounts_{};
};

ledger_actor spawn_ledger(caf::actor_system& system, std::string name);

} // namespace tokamak::operations
