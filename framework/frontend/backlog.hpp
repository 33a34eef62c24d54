// Messages that a client's connection would not take at once (DESIGN.md 2: a slow reader slows nobody else), in order
// and bounded by bytes. Pure and single-threaded.
#pragma once

#include "message/frame.hpp"

#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tokamak::frontend {

/// Opaque name of a client; while it is connected, of its connection.
using client_id = std::string;

enum class send_result { sent, would_block, unreachable };

/// Where messages go: a socket. Never blocks.
class message_sink {
public:
  virtual ~message_sink() = default;
  virtual send_result send(const client_id& client, std::span<const std::byte> header,
                           std::span<const std::byte> body) = 0;
};

class backlog {
public:
  explicit backlog(std::size_t max_bytes_per_client) : max_bytes_(max_bytes_per_client) {}

  /// What happened to a client. Its requests are to be paused, resumed or ended.
  enum class change {
    filling,     ///< half of the bytes wait
    emptied,     ///< nothing waits any more, after filling
    overflowed,  ///< more than all bytes: what waited was dropped
    unreachable  ///< the connection is gone: what waited was dropped
  };
  struct event {
    client_id client;
    change what;
  };

  /// Sends now, or keeps the message behind those that wait already.
  void send(message_sink& to, const client_id& client, frame_type type, std::span<const std::byte> body);
  /// Tries again what waits. True if something could be sent.
  bool flush(message_sink& to);
  /// The connection is gone: forgets what waits, without an event.
  void forget(const client_id& client) { queues_.erase(client); }
  /// Events since the last call, in order.
  std::vector<event> take_events() { return std::exchange(events_, {}); }

  bool empty() const { return queues_.empty(); }
  bool has_events() const { return !events_.empty(); }
  std::size_t bytes(const client_id& client) const;

private:
  struct message {
    std::byte header[frame_header::size];
    std::vector<std::byte> body;
    std::size_t bytes() const { return sizeof header + body.size(); }
  };
  struct queue {
    std::deque<message> messages;
    std::size_t bytes = 0;
    bool filling = false; ///< the event was given
  };

  std::size_t max_bytes_;
  std::map<client_id, queue> queues_; ///< none is empty
  std::vector<event> events_;
};

} // namespace tokamak::frontend
