// The node actor (DESIGN.md 2): knows every actor of its process, answers what models and what state there is, drains, and
// talks to the node actors of the other nodes about the latter two.
#pragma once

#include "message/link_actors.hpp"
#include "message/sequence_actors.hpp"

#include <caf/all.hpp>

#include <functional>

namespace tokamak::app {

using overdue_atom = caf::atom_constant<caf::atom("overdue")>;
using cut_atom = caf::atom_constant<caf::atom("cut")>;
using join_atom = caf::atom_constant<caf::atom("join")>;

using node_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::ListModels>>,    // answered to the sender with ModelList
    caf::reacts_to<frame_of<wire::StatusRequest>>, // answered to the sender with StatusReport, within two seconds
    caf::reacts_to<frame_of<wire::StatusReport>>,  // from other nodes
    caf::reacts_to<frame_of<wire::Drain>>,         // drains this process; Drained goes to the sender. With an op: makes the
                                                   // node that it names leave; answered with Drained or ErrorReply
    caf::reacts_to<frame_of<wire::Drained>>,       // from endpoints, engines and other nodes
    caf::reacts_to<frame_of<wire::ErrorReply>>,    // from other nodes that do not leave
    caf::reacts_to<imported_atom, std::string, std::string, caf::strong_actor_ptr>, // from links: another node, a scheduler there
    caf::reacts_to<join_atom, caf::strong_actor_ptr>, // one more actor that answers StatusRequest
    caf::reacts_to<overdue_atom, std::uint64_t>,   // own: a report waits for somebody who does not answer
    caf::reacts_to<cut_atom>>;                     // own: a drain waits for somebody who does not answer

/// The name under which a node offers its node actor.
inline constexpr const char* node_offer = "node";

/// An actor of another node.
struct remote_name {
  std::string node;
  std::string offer;
};

/// What a node knows of itself. `sources` answer StatusRequest.
struct node_setup {
  std::string name;
  std::string topology_digest;
  std::vector<wire::ModelInfoT> models;
  std::vector<caf::strong_actor_ptr> sources;
  std::vector<caf::strong_actor_ptr> endpoints; ///< drained first: they still need engines
  std::vector<caf::strong_actor_ptr> engines;   ///< drained then, for the pools of other nodes
  std::vector<remote_name> needed_by = {};      ///< schedulers of other nodes that have shards here: drained then, too
  std::vector<std::string> others = {};         ///< nodes that this one asks, where it has clients
  caf::strong_actor_ptr links = nullptr;        ///< null: there are no other nodes
  std::function<void()> leave = {};             ///< this process is to drain and end; called on the actor's thread
};

node_actor spawn_node(caf::actor_system& system, node_setup setup);

} // namespace tokamak::app
