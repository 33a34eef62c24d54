// The pool actor (DESIGN.md 2): interchangeable engines of one model behind one name. A thin shell around pool_core, on the
// actor pool; never blocks.
#pragma once

#include "message/sequence_actors.hpp"
#include "network/pool_core.hpp"
#include "plugin/placement_instance.hpp"

#include <caf/all.hpp>

namespace tokamak::network {

using pool_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::Open>>,     // any prompt form; answered with chunks of text
    caf::reacts_to<frame_of<wire::Extend>>,   // tokens or text
    caf::reacts_to<frame_of<wire::Generate>>, // more tokens
    caf::reacts_to<frame_of<wire::Fork>>,     // stays on the parent's engine
    caf::reacts_to<frame_of<wire::Truncate>>, // forget the end
    caf::reacts_to<frame_of<wire::Close>>,    // ends a sequence and all whose parent it is
    caf::reacts_to<frame_of<wire::Renew>>,    // passed on to the engines
    caf::reacts_to<frame_of<wire::Flow>>,     // passed on to the engines
    caf::reacts_to<frame_of<wire::Chunks>>,   // from engines: token ids
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

struct pool_member {
  std::string name;
  caf::strong_actor_ptr engine; ///< a sequence_server
};

/// `ledger` may be null. A member that goes down is taken out.
pool_actor spawn_pool(caf::actor_system& system, std::string name, model_card card, std::vector<pool_member> members,
                      plugin::placement_instance placement, caf::strong_actor_ptr ledger);

} // namespace tokamak::network
