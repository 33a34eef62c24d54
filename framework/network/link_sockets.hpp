// ZeroMQ under links: a ROUTER that other nodes connect to, and a pair of DEALERs for each node that this one connects to.
// Errors as values, nothing blocks, one thread.
#pragma once

#include "message/frame.hpp"
#include "network/key_guard.hpp"
#include "network/keys.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <zmq.h>

namespace tokamak::network {

/// Keys of a node and of those that may connect to it.
struct link_keys {
  key_pair own;
  std::map<std::string, std::string> peers; ///< public keys and their nodes
};

/// A part of a received message, where libzmq put it.
class received_part {
public:
  received_part() { zmq_msg_init(&part_); }
  received_part(received_part&& other) noexcept : received_part() { zmq_msg_move(&part_, &other.part_); }
  received_part& operator=(received_part&& other) noexcept {
    zmq_msg_move(&part_, &other.part_);
    return *this;
  }
  ~received_part() { zmq_msg_close(&part_); }

  /// Where libzmq put it, if that is as frames' readers need it; else a copy.
  attachment share() const;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(zmq_msg_data(&part_)), zmq_msg_size(&part_)}; }
  /// The node whose key the connection used; "": no keys. ROUTER only.
  std::string key_owner() const;
  /// File descriptor.
  int connection() const { return zmq_msg_get(&part_, ZMQ_SRCFD); }
  zmq_msg_t* handle() { return &part_; }

private:
  mutable zmq_msg_t part_; // libzmq reads through pointers that are not const
};

/// One received message.
struct socket_message {
  std::string identity; ///< of the connection; ROUTER only
  received_part first;
  std::vector<attachment> rest;
};

struct socket_event {
  int connection = -1;  ///< file descriptor
  std::string problem;  ///< why it ended: "connection lost", "the key was refused", ...
};

/// A socket of either kind.
class link_socket {
public:
  link_socket(link_socket&&) noexcept = default;
  link_socket& operator=(link_socket&&) noexcept = default;
  ~link_socket();

  void* handle() const { return socket_.get(); }
  /// Both become readable when there is something to receive, or an end, if there was nothing the last time.
  int fd() const { return fd_; }
  int monitor_fd() const { return monitor_fd_; }
  void woken(bool socket, bool monitor) {
    may_have_messages_ |= socket;
    may_have_ends_ |= monitor;
  }
  bool may_have_messages() const { return may_have_messages_; }
  const std::string& address() const { return address_; }

  std::optional<socket_message> receive();
  /// The next end of a connection. What happened before a message was sent can be read before that message.
  std::optional<socket_event> next_end();
  /// `identity`: whom to, for a ROUTER. False: that connection is gone.
  bool send(const std::string& identity, std::vector<std::byte> first, const std::vector<attachment>& rest);

private:
  friend class link_context;
  struct close_socket { void operator()(void* p) const { zmq_close(p); } };
  link_socket() = default;
  std::unique_ptr<void, close_socket> socket_;
  std::unique_ptr<void, close_socket> monitor_; ///< closed before the socket it watches
  std::string address_;
  int fd_ = -1, monitor_fd_ = -1;
  bool may_have_messages_ = true, may_have_ends_ = true; ///< without a system call to find out
  bool router_ = false;
};

/// Makes sockets; outlives them.
class link_context {
public:
  /// Errors: unsupported, io.
  static expected<link_context> open(std::optional<link_keys> keys, std::size_t max_part_bytes);
  link_context(link_context&&) noexcept = default;

  /// Errors: io ("cannot listen on tcp://…: Address already in use").
  expected<link_socket> listen(const std::string& address);
  /// Connects once: a connection that ends or cannot be made is told as an end. `peer_key`: of the node there.
  expected<link_socket> connect(const std::string& address, const std::string& peer_key);
  /// Connections turned away for their keys.
  std::uint64_t refused() const { return guard_ ? guard_->refused() : 0; }

private:
  struct close_context { void operator()(void* p) const { zmq_ctx_term(p); } };
  link_context() = default;
  expected<link_socket> make(int type);

  std::unique_ptr<void, close_context> context_;
  std::unique_ptr<key_guard> guard_;
  std::optional<link_keys> keys_;
  std::size_t max_part_bytes_ = 0;
  int made_ = 0;
};

} // namespace tokamak::network
