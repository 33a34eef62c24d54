// Frontends of a node, started: the last of its actors.
#pragma once

#include "message/sequence_ids.hpp"
#include "model/card.hpp"
#include "topology/topology.hpp"

#include <caf/all.hpp>

#include <map>
#include <memory>
#include <string>

namespace tokamak::app {

/// What frontends stand on; all of it outlives the call.
struct frontend_parts {
  caf::actor_system& system;
  const topology::topology& topology;
  const std::map<std::string, caf::strong_actor_ptr>& endpoints; ///< by name; each a sequence_server
  const std::map<std::string, model_card>& cards;                ///< by model
  caf::strong_actor_ptr directory;                               ///< the node
  std::shared_ptr<sequence_ids> ids;
  caf::strong_actor_ptr background;                              ///< a background_actor
};

struct running_frontend {
  caf::strong_actor_ptr actor;
  std::string address; ///< as bound
};

/// Reads its keys, binds and spawns. Errors: those of key files and of binding, without the place in the topology.
expected<running_frontend> start_frontend(const topology::frontend& config, const frontend_parts& parts);

} // namespace tokamak::app
