// The pool actor (DESIGN.md 2): interchangeable engines of one model behind one name. A thin shell around pool_core, on the
// actor pool; never blocks.
#pragma once

#include "message/background_actor.hpp"
#include "message/link_actors.hpp"
#include "message/sequence_actors.hpp"
#include "network/pool_core.hpp"
#include "plugin/placement_instance.hpp"

#include <caf/all.hpp>

namespace tokamak::network {

using pulse_atom = caf::atom_constant<caf::atom("pulse")>;

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
    caf::reacts_to<frame_of<wire::EngineLoad>>, // from engines: how they are, and that they are
    caf::reacts_to<imported_atom, std::string, std::string, caf::strong_actor_ptr>, // from links: an engine of another node
    caf::reacts_to<pulse_atom>,               // own timer: engines that are not heard
    caf::reacts_to<background_end>,           // of a prompt that was read in the background
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

struct pool_member {
  std::string name;
  std::string node;              ///< where its scheduler runs
  caf::strong_actor_ptr engine;  ///< a sequence_server; null: not there yet
  caf::strong_actor_ptr source;  ///< then an import_source that tells when it is
};

struct pool_setup {
  std::string name;
  std::string node; ///< of this pool
  model_card card;
  std::string model; ///< fingerprint that the weights of every engine must have; "": any
  std::vector<pool_member> members;
  std::uint64_t heartbeat_us = 1'000'000; ///< an engine not heard for two of these is out until it is heard again
  caf::strong_actor_ptr ledger;           ///< or null
  caf::strong_actor_ptr background;       ///< a background_actor: reads long prompts
};

/// A member that goes down or falls silent is taken out, and put back when it returns.
pool_actor spawn_pool(caf::actor_system& system, pool_setup setup, plugin::placement_instance placement);

} // namespace tokamak::network
