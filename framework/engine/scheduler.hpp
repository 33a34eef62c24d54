// The scheduler actor of an engine (DESIGN.md 2 and 5, step 4): owns its sequences and forms each step. A thin shell
// around scheduler_core; detached in service, on the pool under a virtual clock.
#pragma once

#include "engine/scheduler_core.hpp"
#include "message/sequence_actors.hpp"
#include "plugin/scheduler_instance.hpp"

#include <caf/all.hpp>

namespace tokamak::engine {

using tick_atom = caf::atom_constant<caf::atom("tick")>;
using report_atom = caf::atom_constant<caf::atom("report")>;
using cut_atom = caf::atom_constant<caf::atom("cut")>;

using scheduler_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::Open>>,       // begins a sequence; chunks go to the sender from now on
    caf::reacts_to<frame_of<wire::Extend>>,     // forced tokens
    caf::reacts_to<frame_of<wire::Generate>>,   // more tokens
    caf::reacts_to<frame_of<wire::Fork>>,       // a second sequence from the first one's start
    caf::reacts_to<frame_of<wire::Truncate>>,   // forget the end
    caf::reacts_to<frame_of<wire::Close>>,      // ends a sequence and all whose parent it is
    caf::reacts_to<frame_of<wire::Renew>>,      // the owner lives
    caf::reacts_to<frame_of<wire::Flow>>,       // a slow reader pauses its sequences
    caf::reacts_to<frame_of<wire::CacheHit>>,   // from kv_cache
    caf::reacts_to<frame_of<wire::LeaseGrant>>, // from kv_cache
    caf::reacts_to<frame_of<wire::StepResult>>, // from the last shard
    caf::reacts_to<frame_of<wire::Drain>>,      // no new sequences; Drained goes to the sender when the last one ended, or at the
                                                // deadline. `announce`: pools of other nodes send no more, nothing else
    caf::reacts_to<frame_of<wire::Watch>>,      // EngineLoad goes to the sender, now and in intervals
    caf::reacts_to<tick_atom>,                  // own timer: deadlines and leases
    caf::reacts_to<report_atom>,                // own timer: loads for those who watch
    caf::reacts_to<cut_atom>,                   // own timer: the drain's deadline
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

/// Shards as the scheduler sees them.
using step_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::Step>>>;

/// Who watches a scheduler.
using load_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::EngineLoad>>>;

/// Where a scheduler's messages go. Handles may stand for remote actors.
struct scheduler_peers {
  caf::strong_actor_ptr kv_cache;            ///< a kv_cache_actor
  std::vector<caf::strong_actor_ptr> shards; ///< each a step_sink
  caf::strong_actor_ptr ledger;              ///< a ledger_sink, or null
};

/// `plan` is used on the scheduler's thread only. The scheduler ends, failing all sequences, when a shard goes down.
scheduler_actor spawn_scheduler(caf::actor_system& system, scheduler_config config, plan_function plan,
                                scheduler_peers peers, bool detached);

} // namespace tokamak::engine
