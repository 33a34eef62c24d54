// A ROUTER socket with owned parts: the few calls the frontend needs, errors as values.
#pragma once

#include "base/error.hpp"

#include <zmq.h>

#include <memory>
#include <span>
#include <string>
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

private:
  friend class router_socket;
  std::vector<std::unique_ptr<zmq_msg_t>> parts_;
};

enum class send_result { sent, would_block, unreachable };

class router_socket {
public:
  /// Binds. `max_message_bytes` cuts off clients that send more.
  static expected<router_socket> bind(const std::string& address, std::size_t max_message_bytes);
  router_socket(router_socket&&) noexcept = default;
  ~router_socket();

  const std::string& address() const { return address_; }
  void* handle() const { return socket_.get(); }
  /// False: nothing to read now.
  bool receive(received_message& into);
  /// Identity, header and body. Never blocks.
  send_result send(const std::string& identity, std::span<const std::byte> header, std::span<const std::byte> body);

private:
  struct close_context { void operator()(void* p) const { zmq_ctx_term(p); } };
  struct close_socket { void operator()(void* p) const { zmq_close(p); } };
  router_socket() = default;
  std::unique_ptr<void, close_context> context_;
  std::unique_ptr<void, close_socket> socket_;
  std::string address_;
};

} // namespace tokamak::frontend
