// The ZeroMQ frontend actor (DESIGN.md 2): a ROUTER socket and its clients, on its own thread.
#pragma once

#include "frontend/sessions.hpp"
#include "frontend/zmq_socket.hpp"
#include "message/sequence_actors.hpp"

#include <caf/all.hpp>

namespace tokamak::frontend {

/// What the frontend accepts from other actors. It ends by exit messages.
using zmq_frontend_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::Chunks>>,       // from endpoints
    caf::reacts_to<frame_of<wire::ModelList>>,    // from the node
    caf::reacts_to<frame_of<wire::StatusReport>>, // from the node
    caf::reacts_to<frame_of<wire::Drained>>,      // from the node
    caf::reacts_to<frame_of<wire::ErrorReply>>,   // from the node: it does not drain
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

struct zmq_frontend_setup {
  std::string name;
  std::string bind; ///< tcp://HOST:PORT, ipc://PATH; port * picks a free one
  std::optional<socket_keys> keys; ///< none: anybody may connect
  session_limits limits;
  administrators admins;
  std::vector<std::string> endpoint_names;
  std::vector<caf::strong_actor_ptr> endpoints; ///< each a sequence_server
  caf::strong_actor_ptr directory;              ///< a directory_actor
  std::shared_ptr<sequence_ids> ids;
};

struct zmq_frontend {
  zmq_frontend_actor actor;
  std::string address; ///< as bound, with the port filled in
};

/// Binds before it returns: "cannot listen on tcp://…: Address already in use".
expected<zmq_frontend> spawn_zmq_frontend(caf::actor_system& system, zmq_frontend_setup setup);

} // namespace tokamak::frontend
