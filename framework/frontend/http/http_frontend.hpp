// The HTTP frontend actor (DESIGN.md 2): listens, and serves its connections on its own thread.
#pragma once

#include "frontend/http/http_connection.hpp"
#include "frontend/http/http_exchanges.hpp"
#include "message/sequence_actors.hpp"

#include <caf/all.hpp>

namespace tokamak::frontend {

/// What the frontend accepts from other actors. It ends by exit messages.
using http_frontend_actor = caf::typed_actor<
    caf::reacts_to<frame_of<wire::Chunks>>,       // from endpoints
    caf::reacts_to<frame_of<wire::ModelList>>,    // from the node
    caf::reacts_to<frame_of<wire::StatusReport>>, // from the node
    caf::replies_to<frame_of<wire::StatusRequest>>::with<frame_of<wire::ActorStatus>>>;

struct http_frontend_setup {
  http_settings settings;
  std::string bind; ///< HOST:PORT; port 0 picks a free one
  http_limits limits;
  std::uint32_t max_connections = 4096;
  std::optional<tls_certificate> certificate; ///< without: in the clear
  std::vector<caf::strong_actor_ptr> endpoints; ///< of settings.endpoint_names; each a sequence_server
  caf::strong_actor_ptr directory;              ///< answers ListModels and StatusRequest
  std::shared_ptr<sequence_ids> ids;
  caf::strong_actor_ptr background;             ///< a background_actor: reads large bodies
};

struct http_frontend {
  http_frontend_actor actor;
  std::string address; ///< http://HOST:PORT as bound, or https://
};

/// Binds before it returns: "cannot listen on 127.0.0.1:8080: Address already in use".
expected<http_frontend> spawn_http_frontend(caf::actor_system& system, http_frontend_setup setup);

} // namespace tokamak::frontend
