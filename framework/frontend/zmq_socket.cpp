// libzmq calls behind router_socket.
#include "frontend/zmq_socket.hpp"

#include <cerrno>
#include <cstring>

namespace tokamak::frontend {

void received_message::clear() {
  for (auto& p : parts_) zmq_msg_close(p.get());
  parts_.clear();
}

std::span<const std::byte> received_message::part(std::size_t i) const {
  auto* m = parts_[i].get();
  return {static_cast<const std::byte*>(zmq_msg_data(m)), zmq_msg_size(m)};
}

int received_message::connection() const { return zmq_msg_get(parts_.back().get(), ZMQ_SRCFD); }

std::string_view received_message::user() const {
  const char* name = zmq_msg_gets(parts_.back().get(), "User-Id");
  return name ? name : "";
}

expected<router_socket> router_socket::bind(const std::string& address, std::size_t max_message_bytes,
                                            const std::optional<socket_keys>& keys) {
  router_socket s;
  s.context_.reset(zmq_ctx_new());
  s.socket_.reset(zmq_socket(s.context_.get(), ZMQ_ROUTER));
  const auto set = [&](int option, int value) { zmq_setsockopt(s.socket_.get(), option, &value, sizeof value); };
  set(ZMQ_ROUTER_MANDATORY, 1); // a client that is gone is an error, not silence
  set(ZMQ_LINGER, 1000);        // last answers of a drain get out
  set(ZMQ_SNDHWM, 32);          // a client; more waits in the frontend's backlog, which counts bytes
  set(ZMQ_SNDBUF, 256 << 10);
  set(ZMQ_RCVHWM, 1024);
  set(ZMQ_HEARTBEAT_IVL, 2000); // a host or process that hangs is given up within 8 s
  set(ZMQ_HEARTBEAT_TIMEOUT, 6000);
  set(ZMQ_HANDSHAKE_IVL, 5000);
  // Named, though nobody answers for it, because then libzmq refuses ZMTP 1.0 and 2.0, which any stray bytes look like:
  // 4.3 aborts the process when a socket closes while such a peer introduces itself.
  constexpr std::string_view authentication_domain = "tokamak";
  zmq_setsockopt(s.socket_.get(), ZMQ_ZAP_DOMAIN, authentication_domain.data(), authentication_domain.size());
  if (keys) {
    auto guard = network::key_guard::start(s.context_.get(), keys->clients);
    if (!guard) return fail(guard.error());
    s.guard_ = std::move(*guard);
    set(ZMQ_CURVE_SERVER, 1);
    zmq_setsockopt(s.socket_.get(), ZMQ_CURVE_SECRETKEY, keys->secret_key.data(), keys->secret_key.size() + 1);
  }
  const auto max = static_cast<std::int64_t>(max_message_bytes) + 4096;
  zmq_setsockopt(s.socket_.get(), ZMQ_MAXMSGSIZE, &max, sizeof max);
  // Nothing else says in time that a client died whose request still waits: nothing is sent to it.
  constexpr auto monitor_address = "inproc://connections"; // of this context, which has no other socket
  zmq_socket_monitor(s.socket_.get(), monitor_address, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
  s.monitor_.reset(zmq_socket(s.context_.get(), ZMQ_PAIR));
  const int unlimited = 0; // ZeroMQ's own thread would wait for room
  zmq_setsockopt(s.monitor_.get(), ZMQ_RCVHWM, &unlimited, sizeof unlimited);
  if (zmq_connect(s.monitor_.get(), monitor_address) != 0)
    return fail(errc::io, fmt::format("cannot watch connections: {}", zmq_strerror(errno)));
  if (zmq_bind(s.socket_.get(), address.c_str()) != 0)
    return fail(errno == EADDRINUSE ? errc::already_exists : errc::io,
                fmt::format("cannot listen on {}: {}", address, zmq_strerror(errno)));
  char bound[256];
  std::size_t size = sizeof bound;
  zmq_getsockopt(s.socket_.get(), ZMQ_LAST_ENDPOINT, bound, &size);
  s.address_ = bound;
  return s;
}

router_socket::~router_socket() {
  if (socket_) zmq_socket_monitor(socket_.get(), nullptr, 0);
}

// An event is two parts: its number (16 bits) and value (32 bits, here the file descriptor), then the address.
std::optional<connection_event> router_socket::next_event() {
  unsigned char event[6];
  if (zmq_recv(monitor_.get(), event, sizeof event, ZMQ_DONTWAIT) != sizeof event) return std::nullopt;
  zmq_recv(monitor_.get(), nullptr, 0, ZMQ_DONTWAIT);
  std::uint16_t number = 0;
  std::int32_t fd = 0;
  std::memcpy(&number, event, sizeof number);
  std::memcpy(&fd, event + sizeof number, sizeof fd);
  return connection_event{fd, number == ZMQ_EVENT_ACCEPTED};
}

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

send_result router_socket::send(const client_id& identity, std::span<const std::byte> header,
                                std::span<const std::byte> body) {
  if (zmq_send(socket_.get(), identity.data(), identity.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
    return errno == EAGAIN ? send_result::would_block : send_result::unreachable;
  zmq_send(socket_.get(), header.data(), header.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT);
  zmq_send(socket_.get(), body.data(), body.size(), ZMQ_DONTWAIT);
  return send_result::sent;
}

} // namespace tokamak::frontend
