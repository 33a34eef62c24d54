// The shard actor of an engine (DESIGN.md 2): a slice of a model on one backend. A thin shell around shard_core; detached
// in service, on the pool under a virtual clock.
#pragma once

#include "engine/shard_core.hpp"
#include "message/link_actors.hpp"

#include <caf/all.hpp>

namespace tokamak::engine {

using done_atom = caf::atom_constant<caf::atom("done")>;

using shard_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::Step>>,        // from the scheduler; the last shard answers it with StepResult
    caf::reacts_to<frame_of<wire::Activations>>, // rows from the previous shard
    caf::reacts_to<frame_of<wire::Partial>>,     // a tensor-parallel rank's part
    caf::reacts_to<frame_of<wire::CacheTransfer>>, // from the kv_cache, which gets CacheTransferred
    caf::reacts_to<done_atom, std::uint64_t, std::int32_t, std::string>, // own: the backend finished (job, status, message)
    caf::reacts_to<imported_atom, std::string, std::string, caf::strong_actor_ptr>, // a shard that this one sends to
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

using result_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::StepResult>>>;
using transfer_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::CacheTransferred>>>;
using activations_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::Activations>>>;
using partial_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::Partial>>>;

/// Shards that one sends to, by the names of their offers. Each is told by imported_atom, before the first step and whenever
/// there is another one instead.
struct shard_peers {
  std::string next;               ///< gets its activations; "": it is the last, or there is no pipeline
  std::vector<std::string> ranks; ///< the other tensor-parallel ranks
};

shard_actor spawn_shard(caf::actor_system& system, std::string name, shard_program program, shard_peers peers, bool detached);

} // namespace tokamak::engine
