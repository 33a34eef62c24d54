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

/// One received message.
struct socket_message {
  std::string identity;              ///< of the connection; ROUTER only
  std::string key_owner;             ///< the node whose key it used; "": no keys. ROUTER only
  int connection = -1;               ///< file descriptor
  std::vector<std::byte> first;
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
  void* monitor_handle() const { return monitor_.get(); }
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
