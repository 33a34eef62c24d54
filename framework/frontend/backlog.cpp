// Queues by client; a client without one is written to directly.
#include "frontend/backlog.hpp"

namespace tokamak::frontend {

void backlog::send(message_sink& to, const client_id& client, frame_type type, std::span<const std::byte> body) {
  message m;
  frame_header{type}.write(m.header);
  auto waiting = queues_.find(client);
  if (waiting == queues_.end()) {
    const auto result = to.send(client, m.header, body);
    if (result == send_result::sent) return;
    if (result == send_result::unreachable) return events_.push_back({client, change::unreachable});
    waiting = queues_.try_emplace(client).first;
  }
  auto& q = waiting->second;
  m.body.assign(body.begin(), body.end());
  q.bytes += m.bytes();
  q.messages.push_back(std::move(m));
  if (q.bytes > max_bytes_) {
    queues_.erase(waiting);
    events_.push_back({client, change::overflowed});
  } else if (!q.filling && q.bytes > max_bytes_ / 2) {
    q.filling = true;
    events_.push_back({client, change::filling});
  }
}

bool backlog::flush(message_sink& to) {
  bool any = false;
  for (auto it = queues_.begin(); it != queues_.end();) {
    auto& [client, q] = *it;
    auto result = send_result::sent;
    while (!q.messages.empty() && result == send_result::sent) {
      const auto& m = q.messages.front();
      result = to.send(client, m.header, m.body);
      if (result != send_result::sent) break;
      any = true;
      q.bytes -= m.bytes();
      q.messages.pop_front();
    }
    if (result == send_result::unreachable) events_.push_back({client, change::unreachable});
    else if (q.messages.empty() && q.filling) events_.push_back({client, change::emptied});
    it = q.messages.empty() || result == send_result::unreachable ? queues_.erase(it) : std::next(it);
  }
  return any;
}

std::size_t backlog::bytes(const client_id& client) const {
  const auto it = queues_.find(client);
  return it == queues_.end() ? 0 : it->second.bytes;
}

} // namespace tokamak::frontend
