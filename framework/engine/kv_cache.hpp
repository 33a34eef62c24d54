// The kv_cache actor of an engine (DESIGN.md 2): prefix lookup, leases of free blocks, cache contents, transfers of
// cached blocks from and to other engines.
#pragma once

#include "engine/cache_transfers.hpp"
#include "message/actor_frame.hpp"

#include <caf/all.hpp>

namespace tokamak::engine {

using kv_cache_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::CacheLookup>>,  // answered to the sender with CacheHit
    caf::reacts_to<frame_of<wire::LeaseRequest>>, // answered to the sender with LeaseGrant
    caf::reacts_to<frame_of<wire::CacheCommit>>,  // complete blocks to keep
    caf::reacts_to<frame_of<wire::Unpin>>,        // a sequence reads its cached blocks no more
    caf::reacts_to<frame_of<wire::Release>>,      // blocks nobody reads any more
    caf::reacts_to<frame_of<wire::CacheExport>>,  // answered to the sender with CacheBlocks
    caf::reacts_to<frame_of<wire::CacheBlocks>>,  // another engine's: answered to the sender with CacheImported
    caf::reacts_to<frame_of<wire::CacheTransferred>>, // from a shard
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

/// Asks for blocks, or brings some.
using blocks_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::CacheBlocks>>>;
using imported_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::CacheImported>>>;

/// `model`: fingerprint of the weights, which blocks from elsewhere must have too. `epoch`: of the scheduler. `shards`: the engine's, in
/// order.
/// Spawned on the actor pool; never blocks.
kv_cache_actor spawn_kv_cache(caf::actor_system& system, std::string name, kv_cache_core core, std::string model,
                              std::uint64_t epoch, std::vector<caf::strong_actor_ptr> shards);

} // namespace tokamak::engine
