// The shard actor of an engine (DESIGN.md 2): a slice of a model on one backend. A thin shell around shard_core; detached
// in service, on the pool under a virtual clock.
#pragma once

#include "engine/shard_core.hpp"
#include "message/actor_frame.hpp"

#include <caf/all.hpp>

namespace tokamak::engine {

using done_atom = caf::atom_constant<caf::atom("done")>;
using ranks_atom = caf::atom_constant<caf::atom("ranks")>;

using shard_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::Step>>,        // from the scheduler; the last shard answers it with StepResult
    caf::reacts_to<frame_of<wire::Activations>>, // rows from the previous shard
    caf::reacts_to<frame_of<wire::Partial>>,     // a tensor-parallel rank's part
    caf::reacts_to<frame_of<wire::CacheTransfer>>, // from the kv_cache, which gets CacheTransferred
    caf::reacts_to<done_atom, std::uint64_t, std::int32_t, std::string>, // own: the backend finished (job, status, message)
    caf::reacts_to<ranks_atom, caf::strong_actor_ptr>, // one more tensor-parallel rank; before the first step
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

using result_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::StepResult>>>;
using transfer_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::CacheTransferred>>>;
using activations_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::Activations>>>;
using partial_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::Partial>>>;

/// Shards of a pipeline are spawned last to first: `next` is the one that gets this one's activations, or null.
shard_actor spawn_shard(caf::actor_system& system, std::string name, shard_program program, caf::strong_actor_ptr next,
                        bool detached);

} // namespace tokamak::engine
