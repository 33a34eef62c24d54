// libzmq calls behind router_socket.
#include "frontend/zmq_socket.hpp"

#include <cerrno>

namespace tokamak::frontend {

void received_message::clear() {
  for (auto& p : parts_) zmq_msg_close(p.get());
  parts_.clear();
}

std::span<const std::byte> received_message::part(std::size_t i) const {
  auto* m = parts_[i].get();
  return {static_cast<const std::byte*>(zmq_msg_data(m)), zmq_msg_size(m)};
}

expected<router_socket> router_socket::bind(const std::string& address, std::size_t max_message_bytes) {
  router_socket s;
  s.context_.reset(zmq_ctx_new());
  s.socket_.reset(zmq_socket(s.context_.get(), ZMQ_ROUTER));
  const auto set = [&](int option, int value) { zmq_setsockopt(s.socket_.get(), option, &value, sizeof value); };
  set(ZMQ_ROUTER_MANDATORY, 1); // a client that is gone is an error, not silence
  set(ZMQ_LINGER, 1000);        // last answers of a drain get out
  set(ZMQ_SNDHWM, 16384);
  set(ZMQ_RCVHWM, 16384);
  set(ZMQ_HEARTBEAT_IVL, 5000); // half-open connections end within 15 s
  set(ZMQ_HEARTBEAT_TIMEOUT, 15000);
  set(ZMQ_HANDSHAKE_IVL, 5000);
  const auto max = static_cast<std::int64_t>(max_message_bytes) + 4096;
  zmq_setsockopt(s.socket_.get(), ZMQ_MAXMSGSIZE, &max, sizeof max);
  if (zmq_bind(s.socket_.get(), address.c_str()) != 0)
    return fail(errno == EADDRINUSE ? errc::already_exists : errc::io,
                fmt::format("cannot listen on {}: {}", address, zmq_strerror(errno)));
  char bound[256];
  std::size_t size = sizeof bound;
  zmq_getsockopt(s.socket_.get(), ZMQ_LAST_ENDPOINT, bound, &size);
  s.address_ = bound;
  return s;
}

router_socket::~router_socket() = default;

bool router_socket::receive(received_message& into) {
  into.clear();
  for (;;) {
    auto part = std::make_unique<zmq_msg_t>();
    zmq_msg_init(part.get());
    if (zmq_msg_recv(part.get(), socket_.get(), ZMQ_DONTWAIT) < 0) {
      zmq_msg_close(part.get());
      into.clear();
      return false;
    }
    const bool more = zmq_msg_more(part.get());
    into.parts_.push_back(std::move(part));
    if (!more) return true;
  }
}

send_result router_socket::send(const std::string& identity, std::span<const std::byte> header, std::span<const std::byte> body) {
  if (zmq_send(socket_.get(), identity.data(), identity.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
    return errno == EAGAIN ? send_result::would_block : send_result::unreachable;
  zmq_send(socket_.get(), header.data(), header.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT);
  zmq_send(socket_.get(), body.data(), body.size(), ZMQ_DONTWAIT);
  return send_result::sent;
}

} // namespace tokamak::frontend
