// Clients of a frontend and their requests (DESIGN.md 5, step 1), without sockets or actors: client bytes in, frames to
// endpoints out, and back. All bytes from clients are hostile. Pure and single-threaded.
#pragma once

#include "frontend/administrators.hpp"
#include "frontend/backlog.hpp"
#include "message/sequence_ids.hpp"

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace tokamak::frontend {

struct session_limits {
  std::uint32_t max_clients = 1024;
  std::uint32_t max_message_bytes = 16u << 20;
  std::uint32_t max_requests_per_client = 256;
  std::uint32_t max_questions_per_client = 16;     ///< model lists, status reports and drains on their way
  std::uint32_t window_tokens = 1024;              ///< unacknowledged tokens at which a request pauses
  std::uint64_t stall_us = 60'000'000;             ///< a request paused for so long without progress is cut
  std::uint32_t client_buffer_bytes = 16u << 20;   ///< see backlog
};

/// Called during sessions' functions, on their thread.
class session_effects {
public:
  virtual ~session_effects() = default;
  /// Sends or keeps a message for a client; never blocks, and calls none of sessions' functions.
  virtual void to_client(const client_id& client, frame_type type, std::span<const std::byte> body) = 0;
  virtual void to_endpoint(std::size_t endpoint, frame_of<wire::Open> m) = 0;
  virtual void to_endpoint(std::size_t endpoint, frame_of<wire::Close> m) = 0;
  virtual void to_endpoint(std::size_t endpoint, frame_of<wire::Flow> m) = 0;
  virtual void ask_models(std::uint64_t op) = 0; ///< answered by reply()
  virtual void ask_status(std::uint64_t op) = 0; ///< answered by reply()
  virtual void ask_drain(std::uint64_t op, const std::string& node) = 0; ///< answered by reply()
};

class sessions {
public:
  sessions(std::vector<std::string> endpoints, session_limits limits, sequence_ids& ids, session_effects& effects,
           administrators admins = {});

  /// A message of a client: its parts after the identity. `user`: the owner of the key it connected with; "": no keys.
  void receive(const client_id& client, std::span<const std::span<const std::byte>> parts, std::uint64_t now_us,
               std::string_view user = {});
  /// Chunks of an endpoint.
  void chunks(const wire::Chunks& m, std::uint64_t now_us);
  /// The answer to ask_models, ask_status or ask_drain.
  void reply(const wire::ModelList& m) { pass_on(m); }
  void reply(const wire::StatusReport& m) { pass_on(m); }
  void reply(const wire::Drained& m) { pass_on(m); }
  void reply(const wire::ErrorReply& m) { pass_on(m); }
  /// The connection is gone: its requests are cancelled.
  void unreachable(const client_id& client);
  /// Much waits for the client to read it (`held`), or no longer: its requests pause, or go on.
  void hold(const client_id& client, bool held, std::uint64_t now_us);
  /// Too much waited and was dropped: the client's requests are cut, and it is told so.
  void overrun(const client_id& client);
  /// An endpoint went down.
  void endpoint_lost(std::size_t endpoint);
  /// Cuts requests whose reader stalled.
  void tick(std::uint64_t now_us);

  struct counters {
    std::uint64_t messages = 0, bad_messages = 0, requests = 0, refused = 0, cancelled = 0, stalled = 0, gone = 0,
                  chunks = 0, tokens = 0;
  };
  const counters& counts() const { return counts_; }
  std::size_t n_clients() const { return clients_.size(); }
  std::size_t n_requests() const { return requests_.size(); }

private:
  struct request {
    client_id client;
    std::uint64_t client_request = 0;
    std::size_t endpoint = 0;
    std::uint32_t sent = 0;         ///< answer tokens
    std::uint32_t acknowledged = 0;
    bool paused = false;            ///< its sequences were told so
    std::uint64_t progress_us = 0;  ///< when it paused, or acknowledged something since
  };
  struct session {
    std::map<std::uint64_t, std::uint64_t> requests; ///< client's id → ours
  };
  struct asked {
    client_id client;
    std::uint64_t op = 0;
  };

  expected<std::uint64_t> question(const client_id& client, std::uint64_t op);
  void refuse_question(const client_id& client, std::uint64_t op, const error& why);
  void answered(std::map<std::uint64_t, asked>::iterator it);
  template <class T>
  void pass_on(const T& m);
  expected<void> handle(const client_id& client, frame_type type, std::span<const std::byte> body,
                        std::uint64_t now_us, std::string_view user);
  void drain(const client_id& client, const wire::Drain& m, std::string_view user);
  expected<void> open(const client_id& client, std::span<const std::byte> body);
  void acknowledge(const client_id& client, const wire::Acknowledge& m, std::uint64_t now_us);
  void cancel(std::uint64_t id);
  void cut(std::uint64_t id, const std::string& why); ///< cancels, and tells the client
  void erase(std::uint64_t id);
  void update_flow(std::uint64_t id, request& r, std::uint64_t now_us);
  std::vector<std::uint64_t> requests_of(const client_id& client) const;
  void send_error(const client_id& client, std::uint64_t request_id, const error& why);
  template <class T>
  void send(const client_id& client, const typename T::NativeTableType& message);

  std::vector<std::string> endpoints_;
  session_limits limits_;
  sequence_ids& ids_;
  session_effects& effects_;
  administrators admins_;
  std::unordered_map<client_id, session> clients_; ///< only those with requests running
  std::unordered_map<std::uint64_t, request> requests_;
  std::set<client_id> held_;
  std::map<std::uint64_t, asked> asked_;
  std::unordered_map<client_id, std::uint32_t> questions_; ///< on their way, by client
  std::set<client_id> warned_; ///< bad clients already logged
  counters counts_;
};

} // namespace tokamak::frontend
