// One session with another node (DESIGN.md 2): what is said from the first greeting until one side is lost. Pure and
// single-threaded: bytes come in as batches, time is a parameter, all effects go through link_effects, so that tests and the
// fuzzer drive it without sockets. The links actor owns the sockets and the actors behind the numbers.
#pragma once

#include "network/link_batch.hpp"

#include <deque>
#include <string>

namespace tokamak::network {

/// What a node says of itself, and what must be equal between the nodes of a service.
struct link_identity {
  std::string node;
  std::string topology_digest;
  std::uint64_t epoch = 0; ///< of this process, random
  std::vector<std::string> capabilities;
};

struct link_limits {
  std::uint64_t heartbeat_us = 1'000'000;     ///< a peer not heard for two of these is lost
  received_bytes window{4u << 20, 64u << 20}; ///< bytes under way to a peer, by lane; one message may exceed it
  std::uint64_t queue_bytes = 256u << 20;     ///< bytes that wait for a window; more end the session
  std::size_t batch_bytes = 32u << 10;
  frame_limits frames;
};

/// A name under which an actor is offered, and its number.
struct offer {
  std::string name;
  std::uint64_t actor = 0;
};

/// Hello of one lane.
frame_of<wire::Hello> make_hello(const link_identity& own, std::uint64_t session, lane l, const link_limits& limits);

/// Whether there can be a session with who says this. Errors say what differs: invalid_argument (no such node here,
/// another topology), permission_denied (the key belongs to another node).
/// `key_owner`: whose key the connection used; "": no keys.
expected<void> check_hello(const wire::Hello& hello, const link_identity& own, const std::string& expected_node,
                           const std::string& key_owner);

/// Effects of a session. Called during its functions, on their thread.
class link_effects {
public:
  virtual ~link_effects() = default;
  /// One ZeroMQ message: a batch, and attachments as further parts. Never blocks.
  virtual void transmit(lane l, std::vector<std::byte> batch, const std::vector<attachment>& attachments) = 0;
  /// A frame for an actor of this node.
  virtual void deliver(link_message m) = 0;
  /// The peer offers an actor.
  virtual void offered(offer o) = 0;
  /// An actor of the peer ended.
  virtual void gone(std::uint64_t actor) = 0;
};

struct link_counters {
  received_bytes sent{}, received{};    ///< payload, by lane
  std::uint64_t frames_sent = 0, frames_received = 0, batches_sent = 0, batches_received = 0;
  std::uint64_t queued_bytes = 0;       ///< now
  std::uint64_t round_trip_us = 0;      ///< last measured
};

class link_session {
public:
  /// Both sides have greeted. `peer_window`: from the peer's Hello.
  link_session(link_limits limits, received_bytes peer_window, link_effects& effects, std::uint64_t now_us);

  /// Queues a frame for an actor of the peer; flush() sends it. Errors: overloaded (more than queue_bytes wait).
  expected<void> send(link_message m);
  void send_offers(const std::vector<offer>& offers);
  void send_gone(std::vector<std::uint64_t> actors);
  /// Sends what windows allow, in batches.
  void flush();

  /// A batch of the peer. On an error the session is over: what the batch held is unknown.
  expected<void> receive(lane l, batch b, std::uint64_t now_us);

  /// Heartbeats. Errors: unavailable (the peer was not heard for two heartbeats).
  expected<void> tick(std::uint64_t now_us);
  std::uint64_t next_tick_us() const { return std::min(next_heartbeat_us_, heard_us_ + 2 * limits_.heartbeat_us); }

  const link_counters& counts() const { return counts_; }
  bool all_sent() const { return queues_[0].empty() && queues_[1].empty(); }

private:
  template <class T>
  void send_own(const typename T::NativeTableType& value) {
    queues_[index(lane::control)].push_front({link_address, 0, 0, make_frame<T>(value)});
  }
  expected<void> receive_own(const link_message& m, std::uint64_t now_us);
  void flush_control();
  void flush_bulk();
  bool has_credit(lane l) const { return counts_.sent[index(l)] - acknowledged_[index(l)] < peer_window_[index(l)]; }
  void transmit(lane l, std::size_t n_attachments, const std::vector<attachment>& attachments);

  link_limits limits_;
  received_bytes peer_window_;
  link_effects& effects_;
  std::array<std::deque<link_message>, n_lanes> queues_;
  received_bytes acknowledged_{}; ///< of what was sent
  received_bytes reported_{};     ///< of what was received
  batch_writer writer_;
  std::uint64_t heard_us_, next_heartbeat_us_;
  std::uint64_t peer_clock_us_ = 0, peer_clock_at_us_ = 0; ///< last heartbeat of the peer, and when it came
  link_counters counts_;
};

} // namespace tokamak::network
