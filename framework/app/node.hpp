// The node actor (DESIGN.md 2): knows every actor of its process, answers what models and what state there is, and drains.
#pragma once

#include "message/sequence_actors.hpp"

#include <caf/all.hpp>

namespace tokamak::app {

using overdue_atom = caf::atom_constant<caf::atom("overdue")>;
using join_atom = caf::atom_constant<caf::atom("join")>;

using node_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::ListModels>>,    // answered to the sender with ModelList
    caf::reacts_to<frame_of<wire::StatusRequest>>, // answered to the sender with StatusReport
    caf::reacts_to<frame_of<wire::Drain>>,         // drains all endpoints; Drained goes to the sender
    caf::reacts_to<frame_of<wire::Drained>>,       // from endpoints
    caf::reacts_to<join_atom, caf::strong_actor_ptr>, // one more actor that answers StatusRequest
    caf::reacts_to<overdue_atom, std::uint64_t>>;  // own: a report waits for an actor that does not answer

/// What a node knows of itself. `sources` answer StatusRequest.
struct node_setup {
  std::string name;
  std::string topology_digest;
  std::vector<wire::ModelInfoT> models;
  std::vector<caf::strong_actor_ptr> sources;
  std::vector<caf::strong_actor_ptr> drainables; ///< endpoints
};

node_actor spawn_node(caf::actor_system& system, node_setup setup);

} // namespace tokamak::app
