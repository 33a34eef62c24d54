// How actors of one node become known on others (CONTRACTS.md, "Link"): what is said to whoever offers actors under names,
// and what it says to those who want one. The links actor is one of these; an engine that is assembled from shards of several
// nodes is another.
#pragma once

#include "message/actor_frame.hpp"

#include <caf/all.hpp>

#include <string>

namespace tokamak {

using export_atom = caf::atom_constant<caf::atom("export")>;
using import_atom = caf::atom_constant<caf::atom("import")>;
using imported_atom = caf::atom_constant<caf::atom("imported")>;

/// Tells the sender of (import, NODE, NAME) of that actor, now and whenever there is another instead.
using import_source = caf::typed_actor<caf::reacts_to<import_atom, std::string, std::string>>;

/// What an importer is told: node, name, and the actor to monitor and talk to.
using import_sink = caf::typed_actor<caf::reacts_to<imported_atom, std::string, std::string, caf::strong_actor_ptr>>;

/// Takes (export, NAME, ACTOR): offers this actor under a name, instead of any before.
using export_sink = caf::typed_actor<caf::reacts_to<export_atom, std::string, caf::strong_actor_ptr>>;

/// The names under which nodes offer the parts of an engine to each other.
inline std::string scheduler_offer(const std::string& engine) { return "scheduler." + engine; }
inline std::string shard_offer(const std::string& engine, std::size_t index) { return "shard." + engine + "." + std::to_string(index); }

} // namespace tokamak
