// The actor borders that sequences cross: the same messages at endpoints, pools and schedulers, so that none knows what
// kind of actor, or which process, it talks to. Handles are got by actor_cast from any actor that accepts them.
#pragma once

#include "message/actor_frame.hpp"

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace tokamak {

/// Serves sequences. Chunks go to whoever sent Open (or Fork).
using sequence_server = caf::typed_actor<
    caf::reacts_to<frame_of<wire::Open>>,     // begins a sequence or request
    caf::reacts_to<frame_of<wire::Extend>>,   // forced tokens
    caf::reacts_to<frame_of<wire::Generate>>, // more tokens
    caf::reacts_to<frame_of<wire::Fork>>,     // a second sequence from the first one's start
    caf::reacts_to<frame_of<wire::Truncate>>, // forget the end
    caf::reacts_to<frame_of<wire::Close>>,    // ends it; no answer
    caf::reacts_to<frame_of<wire::Renew>>,    // the owner lives
    caf::reacts_to<frame_of<wire::Flow>>>;    // pause, resume

/// Owns sequences.
using chunk_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::Chunks>>>;

/// Asked for a drain.
using drained_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::Drained>>>;
using drainable = caf::typed_actor<caf::reacts_to<frame_of<wire::Drain>>>;

/// Books tokens.
using ledger_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::LedgerEntry>>>;

/// Every actor of a node answers this.
using status_source = caf::typed_actor<caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

} // namespace tokamak
