// libzmq calls behind link_socket.
#include "network/link_sockets.hpp"

#include <cerrno>
#include <cstring>

namespace tokamak::network {
namespace {

constexpr std::size_t zero_copy_bytes = 4096; // below, a copy is cheaper than libzmq's bookkeeping

template <class T>
void send_owned(void* socket, T owner, const void* data, std::size_t size, int flags) {
  zmq_msg_t part;
  if (size < zero_copy_bytes) {
    zmq_msg_init_size(&part, size);
    if (size > 0) std::memcpy(zmq_msg_data(&part), data, size);
  } else {
    auto* kept = new T(std::move(owner));
    zmq_msg_init_data(&part, const_cast<void*>(data), size, [](void*, void* hint) { delete static_cast<T*>(hint); }, kept);
  }
  if (zmq_msg_send(&part, socket, flags | ZMQ_DONTWAIT) < 0) zmq_msg_close(&part);
}

// Keeps what libzmq received where it lies as frames' readers need it, and copies it once elsewhere.
attachment take(zmq_msg_t& part) {
  constexpr std::size_t alignment = 16;
  const auto size = zmq_msg_size(&part);
  const auto* data = static_cast<const std::byte*>(zmq_msg_data(&part));
  if (size < zero_copy_bytes || reinterpret_cast<std::uintptr_t>(data) % alignment != 0) {
    auto [to, copy] = make_attachment(size);
    if (size > 0) std::memcpy(to, data, size);
    return copy;
  }
  auto owner = std::shared_ptr<zmq_msg_t>(new zmq_msg_t, [](zmq_msg_t* m) {
    zmq_msg_close(m);
    delete m;
  });
  zmq_msg_init(owner.get());
  zmq_msg_move(owner.get(), &part);
  return attachment(std::shared_ptr<const std::byte[]>(owner, static_cast<const std::byte*>(zmq_msg_data(owner.get()))), size);
}

std::string reason(std::uint16_t event) {
  switch (event) {
    case ZMQ_EVENT_CLOSED:
    case ZMQ_EVENT_CONNECT_RETRIED: return "cannot connect";
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return "this node's key was refused there";
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return "the keys do not fit, or it is no node";
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return "the greeting failed; the keys may not fit";
    default: return "the connection was lost";
  }
}

} // namespace

link_socket::~link_socket() {
  if (socket_) zmq_socket_monitor(socket_.get(), nullptr, 0);
}

std::optional<socket_message> link_socket::receive() {
  socket_message m;
  for (std::size_t i = 0;; ++i) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket_.get(), ZMQ_DONTWAIT) < 0) {
      zmq_msg_close(&part);
      return std::nullopt;
    }
    const auto* data = static_cast<const std::byte*>(zmq_msg_data(&part));
    const auto size = zmq_msg_size(&part);
    const auto at = router_ ? i : i + 1;
    const bool more = zmq_msg_more(&part) != 0;
    if (at == 0) {
      m.identity.assign(reinterpret_cast<const char*>(data), size);
    } else if (at == 1) {
      m.first.assign(data, data + size);
      m.connection = zmq_msg_get(&part, ZMQ_SRCFD);
      const char* owner = zmq_msg_gets(&part, "User-Id");
      if (owner) m.key_owner = owner;
    } else {
      m.rest.push_back(take(part));
    }
    zmq_msg_close(&part);
    if (!more) return m;
  }
}

std::optional<socket_event> link_socket::next_end() {
  for (;;) {
    unsigned char event[6];
    if (zmq_recv(monitor_.get(), event, sizeof event, ZMQ_DONTWAIT) != sizeof event) return std::nullopt;
    zmq_recv(monitor_.get(), nullptr, 0, ZMQ_DONTWAIT);
    std::uint16_t number = 0;
    std::int32_t value = 0;
    std::memcpy(&number, event, sizeof number);
    std::memcpy(&value, event + sizeof number, sizeof value);
    if (number == ZMQ_EVENT_MONITOR_STOPPED) continue;
    return socket_event{number == ZMQ_EVENT_DISCONNECTED ? value : -1, reason(number)};
  }
}

bool link_socket::send(const std::string& identity, std::vector<std::byte> first, const std::vector<attachment>& rest) {
  if (router_ && zmq_send(socket_.get(), identity.data(), identity.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) return false;
  const auto* data = first.data();
  const auto size = first.size();
  send_owned(socket_.get(), std::move(first), data, size, rest.empty() ? 0 : ZMQ_SNDMORE);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const auto bytes = rest[i].bytes();
    send_owned(socket_.get(), rest[i], bytes.data(), bytes.size(), i + 1 < rest.size() ? ZMQ_SNDMORE : 0);
  }
  return true;
}

expected<link_context> link_context::open(std::optional<link_keys> keys, std::size_t max_part_bytes) {
  link_context c;
  c.context_.reset(zmq_ctx_new());
  c.max_part_bytes_ = max_part_bytes;
  if (keys) {
    auto guard = key_guard::start(c.context_.get(), keys->peers);
    if (!guard) return fail(guard.error());
    c.guard_ = std::move(*guard);
    c.keys_ = std::move(keys);
  }
  return c;
}

expected<link_socket> link_context::make(int type) {
  link_socket s;
  s.router_ = type == ZMQ_ROUTER;
  s.socket_.reset(zmq_socket(context_.get(), type));
  if (!s.socket_) return fail(errc::io, fmt::format("cannot make a socket: {}", zmq_strerror(zmq_errno())));
  const auto set = [&](int option, int value) { zmq_setsockopt(s.socket_.get(), option, &value, sizeof value); };
  set(ZMQ_LINGER, 0);
  set(ZMQ_SNDHWM, 0); // windows bound what is under way, in bytes
  set(ZMQ_RCVHWM, 0);
  set(ZMQ_HANDSHAKE_IVL, 5000);
  set(ZMQ_HEARTBEAT_IVL, 5000); // frees what a vanished peer left behind; sessions have heartbeats of their own
  set(ZMQ_HEARTBEAT_TIMEOUT, 15000);
  set(ZMQ_RECONNECT_IVL, -1); // a new connection is a new session
  if (s.router_) set(ZMQ_ROUTER_MANDATORY, 1);
  const auto max = static_cast<std::int64_t>(max_part_bytes_);
  zmq_setsockopt(s.socket_.get(), ZMQ_MAXMSGSIZE, &max, sizeof max);
  // See zmq_socket.cpp of the frontend: without a domain, peers of old protocols can bring the process down.
  constexpr std::string_view domain = "tokamak";
  zmq_setsockopt(s.socket_.get(), ZMQ_ZAP_DOMAIN, domain.data(), domain.size());
  const auto monitor = fmt::format("inproc://monitor-{}", ++made_);
  const int ends = ZMQ_EVENT_DISCONNECTED | (s.router_ ? 0 : ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                                                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
  zmq_socket_monitor(s.socket_.get(), monitor.c_str(), ends);
  s.monitor_.reset(zmq_socket(context_.get(), ZMQ_PAIR));
  const int unlimited = 0;
  zmq_setsockopt(s.monitor_.get(), ZMQ_RCVHWM, &unlimited, sizeof unlimited);
  zmq_connect(s.monitor_.get(), monitor.c_str());
  return s;
}

expected<link_socket> link_context::listen(const std::string& address) {
  auto s = make(ZMQ_ROUTER);
  if (!s) return s;
  if (keys_) {
    const int on = 1;
    zmq_setsockopt(s->handle(), ZMQ_CURVE_SERVER, &on, sizeof on);
    zmq_setsockopt(s->handle(), ZMQ_CURVE_SECRETKEY, keys_->own.secret_key.data(), keys_->own.secret_key.size() + 1);
  }
  if (zmq_bind(s->handle(), address.c_str()) != 0)
    return fail(errc::io, fmt::format("cannot listen on {}: {}", address, zmq_strerror(zmq_errno())));
  char bound[256] = "";
  std::size_t size = sizeof bound;
  zmq_getsockopt(s->handle(), ZMQ_LAST_ENDPOINT, bound, &size);
  s->address_ = bound;
  return s;
}

expected<link_socket> link_context::connect(const std::string& address, const std::string& peer_key) {
  auto s = make(ZMQ_DEALER);
  if (!s) return s;
  if (keys_) {
    zmq_setsockopt(s->handle(), ZMQ_CURVE_SERVERKEY, peer_key.data(), peer_key.size() + 1);
    zmq_setsockopt(s->handle(), ZMQ_CURVE_PUBLICKEY, keys_->own.public_key.data(), keys_->own.public_key.size() + 1);
    zmq_setsockopt(s->handle(), ZMQ_CURVE_SECRETKEY, keys_->own.secret_key.data(), keys_->own.secret_key.size() + 1);
  }
  if (zmq_connect(s->handle(), address.c_str()) != 0)
    return fail(errc::io, fmt::format("cannot connect to {}: {}", address, zmq_strerror(zmq_errno())));
  s->address_ = address;
  return s;
}

} // namespace tokamak::network
