// The kv_cache actor of an engine (DESIGN.md 2): prefix lookup, leases of free blocks, cache contents.
#pragma once

#include "engine/kv_cache_core.hpp"
#include "message/actor_frame.hpp"

#include <caf/all.hpp>

namespace tokamak::engine {

using kv_cache_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::CacheLookup>>,  // answered to the sender with CacheHit
    caf::reacts_to<frame_of<wire::LeaseRequest>>, // answered to the sender with LeaseGrant
    caf::reacts_to<frame_of<wire::CacheCommit>>,  // complete blocks to keep
    caf::reacts_to<frame_of<wire::Unpin>>,        // a sequence reads its cached blocks no more
    caf::reacts_to<frame_of<wire::Release>>,      // blocks nobody reads any more
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

/// Spawned on the actor pool; never blocks.
kv_cache_actor spawn_kv_cache(caf::actor_system& system, std::string name, kv_cache_core core);

} // namespace tokamak::engine
