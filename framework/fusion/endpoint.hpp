// The endpoint actor (DESIGN.md 2 and 5, step 2): what clients ask for by name. Owns the fusion plugin and one call per
// request; on the actor pool, never blocks.
#pragma once

#include "fusion/request_call.hpp"
#include "plugin/constraint_texts.hpp"
#include "message/sequence_actors.hpp"
#include "message/sequence_ids.hpp"

#include <caf/all.hpp>

namespace tokamak::fusion {

using timer_atom = caf::atom_constant<caf::atom("timer")>;
using renew_atom = caf::atom_constant<caf::atom("renew")>;
using cut_atom = caf::atom_constant<caf::atom("cut")>;

using endpoint_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::Open>>,     // a request; its chunks go to the sender
    caf::reacts_to<frame_of<wire::Extend>>,   // refused: requests are not extended
    caf::reacts_to<frame_of<wire::Generate>>, // refused
    caf::reacts_to<frame_of<wire::Fork>>,     // refused
    caf::reacts_to<frame_of<wire::Truncate>>, // refused
    caf::reacts_to<frame_of<wire::Close>>,    // cancels a request
    caf::reacts_to<frame_of<wire::Renew>>,    // the owner lives
    caf::reacts_to<frame_of<wire::Flow>>,     // pauses or resumes the request's sequences
    caf::reacts_to<frame_of<wire::Chunks>>,   // from members
    caf::reacts_to<frame_of<wire::Drain>>,    // no new requests; Drained goes to the sender when the last one ended,
                                              // at the deadline by an error
    caf::reacts_to<timer_atom, std::uint64_t, std::uint64_t>, // own: a plugin's timer (request, timer)
    caf::reacts_to<renew_atom>,               // own: renews the leases of open sequences
    caf::reacts_to<cut_atom>,                 // own: the drain's deadline
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

struct endpoint_member {
  std::string name;
  caf::strong_actor_ptr server; ///< a sequence_server: pool or endpoint
};

struct endpoint_setup {
  std::string name;
  std::vector<endpoint_member> members;
  plugin::fusion_instance fusion;
  call_limits limits;
  std::uint64_t max_cost_tokens = 0; ///< worst case over all members; 0: no limit
  std::shared_ptr<sequence_ids> ids;
  std::shared_ptr<const plugin::constraint_texts> constraints = nullptr; ///< or null: requests with one are refused
};

endpoint_actor spawn_endpoint(caf::actor_system& system, endpoint_setup setup);

} // namespace tokamak::fusion
