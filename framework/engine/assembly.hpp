// An engine whose shards are on several nodes, as its own node sees it: waits until all are there, then gives the engine a
// head; when one is lost the head ends, and there is another once the shard is back. On the actor pool.
#pragma once

#include "engine/engine_head.hpp"
#include "message/link_actors.hpp"

namespace tokamak::engine {

using again_atom = caf::atom_constant<caf::atom("again")>;

using assembly_actor = caf::typed_actor<
    caf::reacts_to<imported_atom, std::string, std::string, caf::strong_actor_ptr>, // from links: a shard of another node
    caf::reacts_to<import_atom, std::string, std::string>,                          // tell the sender of the scheduler, now and later
    caf::reacts_to<frame_of<wire::Drain>>,                                          // goes to the scheduler
    caf::reacts_to<again_atom>,                                                     // own timer: try another head
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>; // the scheduler's

struct assembly_shard {
  std::string node;
  std::string offer;           ///< its name there
  caf::strong_actor_ptr actor; ///< null: of another node
};

struct assembly_setup {
  std::string name; ///< of the engine
  std::string node; ///< this one
  head_plan head;
  std::vector<assembly_shard> shards; ///< in order
  caf::strong_actor_ptr links;        ///< an import_source and export_sink
};

assembly_actor spawn_assembly(caf::actor_system& system, assembly_setup setup);

} // namespace tokamak::engine
