// libzmq calls behind link_socket.
#include "network/link_sockets.hpp"

#include <algorithm>
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

int file_descriptor(void* socket) {
  int fd = -1;
  std::size_t size = sizeof fd;
  zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
  return fd;
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

attachment received_part::share() const {
  const auto from = bytes();
  if (from.size() < zero_copy_bytes || reinterpret_cast<std::uintptr_t>(from.data()) % attachment::alignment != 0) return copy_attachment(from);
  const auto owner = std::make_shared<received_part>();
  zmq_msg_copy(owner->handle(), &part_);
  return attachment(std::shared_ptr<const std::byte[]>(owner, owner->bytes().data()), from.size());
}

std::string received_part::key_owner() const {
  const char* owner = zmq_msg_gets(&part_, "User-Id");
  return owner ? owner : "";
}

std::optional<socket_message> link_socket::receive() {
  if (!may_have_messages_) return std::nullopt;
  socket_message m;
  for (std::size_t i = router_ ? 0 : 1;; ++i) {
    received_part part;
    if (zmq_msg_recv(part.handle(), socket_.get(), ZMQ_DONTWAIT) < 0) {
      may_have_messages_ = false;
      return std::nullopt;
    }
    const bool more = zmq_msg_more(part.handle()) != 0;
    if (i == 0) m.identity.assign(reinterpret_cast<const char*>(part.bytes().data()), part.bytes().size());
    else if (i == 1) m.first = std::move(part);
    else m.rest.push_back(part.share());
    if (!more) return m;
  }
}

std::optional<socket_event> link_socket::next_end() {
  while (may_have_ends_) {
    unsigned char event[6];
    may_have_ends_ = zmq_recv(monitor_.get(), event, sizeof event, ZMQ_DONTWAIT) == sizeof event;
    if (!may_have_ends_) break;
    zmq_recv(monitor_.get(), nullptr, 0, ZMQ_DONTWAIT);
    std::uint16_t number = 0;
    std::int32_t value = 0;
    std::memcpy(&number, event, sizeof number);
    std::memcpy(&value, event + sizeof number, sizeof value);
    if (number == ZMQ_EVENT_MONITOR_STOPPED) continue;
    return socket_event{number == ZMQ_EVENT_DISCONNECTED ? value : -1, reason(number)};
  }
  return std::nullopt;
}

bool link_socket::send(const std::string& identity, std::vector<std::byte> first, const std::vector<attachment>& rest) {
  may_have_messages_ = true; // libzmq may take note of them while it sends, without a word through the file descriptor
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
  s.fd_ = file_descriptor(s.socket_.get());
  s.monitor_fd_ = file_descriptor(s.monitor_.get());
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
