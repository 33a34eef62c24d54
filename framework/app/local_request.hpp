// One request to an actor of this process, for commands that start a service and use it themselves.
#pragma once

#include "message/sequence_actors.hpp"

#include <caf/all.hpp>

#include <functional>

namespace tokamak::app {

/// How a request ended.
struct local_answer {
  wire::FinishReason finish = wire::FinishReason::none;
  std::optional<error> failure;
  wire::UsageT usage;
  std::vector<std::int32_t> tokens;
};

/// Sends Open to a sequence_server and waits for its last chunk; `on_chunk` sees each. Runs on the caller's thread.
local_answer ask_locally(caf::actor_system& system, const caf::strong_actor_ptr& server, const wire::OpenT& request,
                         const std::function<void(const wire::Chunk&)>& on_chunk);

/// Several requests at once, each until its last chunk; answers in the order of the requests.
std::vector<local_answer> ask_locally(caf::actor_system& system, const caf::strong_actor_ptr& server,
                                      std::span<const wire::OpenT> requests,
                                      const std::function<void(std::size_t, const wire::Chunk&)>& on_chunk);

} // namespace tokamak::app
