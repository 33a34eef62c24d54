// The links actor (DESIGN.md 2): all connections of a node to the other nodes of its service, on its own thread. It makes
// actors of this node known there under names, and actors of other nodes reachable here as if they were local: a
// remote_actor stands for each, and ends with it or with the session.
#pragma once

#include "message/link_actors.hpp"
#include "network/emulated_line.hpp"
#include "network/link_session.hpp"
#include "network/link_sockets.hpp"

#include <caf/all.hpp>

namespace tokamak::network {

/// What the links actor accepts. It ends by exit messages.
using links_actor = caf::typed_actor<
    caf::reacts_to<export_atom, std::string, caf::strong_actor_ptr>, // offer this actor under a name, instead of any before
    caf::reacts_to<import_atom, std::string, std::string>,           // tell the sender when NODE offers NAME, now and whenever it does again
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

/// Another node.
struct link_peer {
  std::string node;
  std::string address;    ///< to connect to; "": it connects to this node
  std::string public_key; ///< with keys, of a node to connect to
  line_properties line = {}; ///< what this node sends is delayed as if it went over such a line
};

struct links_setup {
  link_identity own;
  std::string bind; ///< "": nobody connects to this node
  std::optional<link_keys> keys;
  std::vector<link_peer> peers;
  link_limits limits;
};

struct links {
  links_actor actor;
  std::string address; ///< as bound, with the port filled in
};

/// Binds before it returns. Errors: io, unsupported.
expected<links> spawn_links(caf::actor_system& system, links_setup setup);

} // namespace tokamak::network
