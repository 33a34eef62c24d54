// The clients of a simulation: one actor that opens each request when its time has come, as a frontend would, whether or not
// earlier ones were answered (an open loop), and writes down what came of it.
#pragma once

#include "app/simulation/load.hpp"
#include "message/sequence_actors.hpp"

#include <caf/all.hpp>

#include <vector>

namespace tokamak::app {

/// What came of one request. Times in microseconds of the system's clock, 0: never.
struct request_outcome {
  std::uint64_t sent_us = 0;
  std::uint64_t first_us = 0; ///< its first token
  std::uint64_t last_us = 0;  ///< its last token
  std::uint64_t end_us = 0;
  std::uint32_t tokens = 0;
  bool failed = false;
  errc code = errc::ok; ///< of a failed one
};

/// What the clients write, and whoever turns the clock reads between turns.
struct client_record {
  std::vector<request_outcome> requests; ///< as in the load
  std::size_t open = 0;                  ///< sent and not ended
  std::size_t sent = 0;
  std::uint64_t progress_us = 0;         ///< when anything was sent or came last
  std::string first_failure;             ///< message of the first request that failed and was not refused
  frame_of<wire::StatusReport> report;   ///< empty: none has come
};

using next_atom = caf::atom_constant<caf::atom("next")>;
using report_atom = caf::atom_constant<caf::atom("report")>;

using clients_actor = caf::typed_actor<
    caf::reacts_to<next_atom>,                                // own: a request is due
    caf::reacts_to<frame_of<wire::Chunks>>,                   // from endpoints
    caf::reacts_to<report_atom, caf::strong_actor_ptr>,       // ask this node for its status
    caf::reacts_to<frame_of<wire::StatusReport>>>;            // from the node

/// `endpoints` as in the load. The load and the record outlive the actor; only its thread touches them.
clients_actor spawn_clients(caf::actor_system& system, const load& planned, std::vector<caf::strong_actor_ptr> endpoints,
                            client_record& record);

} // namespace tokamak::app
