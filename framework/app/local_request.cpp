// A scoped actor opens requests and reads chunks until all have ended.
#include "app/local_request.hpp"

#include "message/wire_error.hpp"

#include <map>

namespace tokamak::app {

std::vector<local_answer> ask_locally(caf::actor_system& system, const caf::strong_actor_ptr& server,
                                      std::span<const wire::OpenT> requests,
                                      const std::function<void(std::size_t, const wire::Chunk&)>& on_chunk) {
  caf::scoped_actor self(system);
  std::vector<local_answer> answers(requests.size());
  std::map<std::uint64_t, std::size_t> running;
  self->monitor(server);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    running.emplace(requests[i].id, i);
    self->send(caf::actor_cast<sequence_server>(server), make_frame<wire::Open>(requests[i]));
  }
  while (!running.empty())
    self->receive(
        [&](const frame_of<wire::Chunks>& chunks) {
          for (std::uint32_t c = 0; chunks->items() && c < chunks->items()->size(); ++c) {
            const auto* item = chunks->items()->Get(c);
            const auto it = running.find(item->id());
            if (it == running.end()) continue;
            auto& answer = answers[it->second];
            if (item->tokens()) answer.tokens.insert(answer.tokens.end(), item->tokens()->begin(), item->tokens()->end());
            on_chunk(it->second, *item);
            if (item->finish() == wire::FinishReason::none) continue;
            answer.finish = item->finish();
            if (item->usage()) item->usage()->UnPackTo(&answer.usage);
            if (item->error()) answer.failure = from_wire(*item->error());
            running.erase(it);
          }
        },
        [&](const caf::down_msg&) {
          for (const auto& [id, i] : running) answers[i].failure = error{errc::unavailable, "the service ended", {}};
          running.clear();
        });
  return answers;
}

local_answer ask_locally(caf::actor_system& system, const caf::strong_actor_ptr& server, const wire::OpenT& request,
                         const std::function<void(const wire::Chunk&)>& on_chunk) {
  return std::move(ask_locally(system, server, std::span(&request, 1), [&](std::size_t, const wire::Chunk& c) { on_chunk(c); }).front());
}

} // namespace tokamak::app
