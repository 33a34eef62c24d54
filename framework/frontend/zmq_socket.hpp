// A ROUTER socket with owned parts, and its connections' begins and ends: the few calls the frontend needs, errors as
// values.
#pragma once

#include "frontend/backlog.hpp"
#include "network/key_guard.hpp"
#include "network/keys.hpp"

#include <zmq.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::frontend {

/// One received multipart message; views are valid until the next receive.
class received_message {
public:
  ~received_message() { clear(); }
  received_message() = default;
  received_message(const received_message&) = delete;
  received_message& operator=(const received_message&) = delete;
  void clear();
  std::span<const std::byte> part(std::size_t i) const;
  std::size_t n_parts() const { return parts_.size(); }
  /// File descriptor of the connection it came over.
  int connection() const;
  /// The owner of the key of that connection; "": no keys.
  std::string_view user() const;

private:
  friend class router_socket;
  std::vector<std::unique_ptr<zmq_msg_t>> parts_;
};

struct connection_event {
  int fd = 0;
  bool opened = false; ///< else closed
};

/// Keys of a socket that only known clients may connect to.
struct socket_keys {
  std::string secret_key;                     ///< Z85
  std::map<std::string, std::string> clients; ///< public keys and their owners
};

class router_socket final : public message_sink {
public:
  /// Binds. `max_message_bytes` cuts off clients that send more. Without keys anybody may connect, in the clear.
  static expected<router_socket> bind(const std::string& address, std::size_t max_message_bytes,
                                      const std::optional<socket_keys>& keys = {});
  router_socket(router_socket&&) noexcept = default;
  ~router_socket() override;

  const std::string& address() const { return address_; }
  /// Connections turned away for their keys.
  std::uint64_t refused() const { return guard_ ? guard_->refused() : 0; }
  void* handle() const { return socket_.get(); }
  void* monitor_handle() const { return monitor_.get(); }
  /// False: nothing to read now.
  bool receive(received_message& into);
  /// The next begin or end of a connection. What happened before a message was sent can be read before that message.
  std::optional<connection_event> next_event();
  send_result send(const client_id& identity, std::span<const std::byte> header,
                   std::span<const std::byte> body) override;

private:
  struct close_context { void operator()(void* p) const { zmq_ctx_term(p); } };
  struct close_socket { void operator()(void* p) const { zmq_close(p); } };
  router_socket() = default;
  std::unique_ptr<void, close_context> context_;
  std::unique_ptr<network::key_guard> guard_; ///< ends behind the sockets, before the context
  std::unique_ptr<void, close_socket> socket_;
  std::unique_ptr<void, close_socket> monitor_; ///< closed before the socket it watches
  std::string address_;
};

} // namespace tokamak::frontend
