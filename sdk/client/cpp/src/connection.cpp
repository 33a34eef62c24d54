// A DEALER socket with its monitor.
#include "connection.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace tokamak::client_detail {

namespace {

constexpr int attempt_limit_ms = 3000; // for TCP and for the ZeroMQ handshake
constexpr int one_hour_ms = 3'600'000;

client_error refused(const std::string& address) {
  const int code = zmq_errno();
  const bool address_wrong = code == EINVAL || code == EPROTONOSUPPORT || code == ENOCOMPATPROTO;
  return {address_wrong ? client_errc::invalid_argument : client_errc::io,
          "cannot connect to '" + address + "': " + zmq_strerror(code) +
              (address_wrong ? "; expected tcp://HOST:PORT or ipc://PATH" : ""),
          ""};
}

void set_option(void* socket, int option, int value) { zmq_setsockopt(socket, option, &value, sizeof value); }

void configure(void* socket, const client_options& options) {
  set_option(socket, ZMQ_LINGER, 0);
  // A lost connection must not drop what it had received but nobody had read yet. It would with ZMQ_IMMEDIATE, and where libzmq itself does not
  // reconnect (-1), for then it ends the pipe; so it is to try later than anybody keeps a lost connection.
  set_option(socket, ZMQ_RECONNECT_IVL, one_hour_ms);
  set_option(socket, ZMQ_CONNECT_TIMEOUT, attempt_limit_ms);
  set_option(socket, ZMQ_HANDSHAKE_IVL, attempt_limit_ms);
  set_option(socket, ZMQ_HEARTBEAT_IVL, static_cast<int>(options.heartbeat_interval.count()));
  set_option(socket, ZMQ_HEARTBEAT_TIMEOUT, static_cast<int>(options.heartbeat_timeout.count()));
  // The service, too, drops a connection on which no ping came for this long.
  set_option(socket, ZMQ_HEARTBEAT_TTL, static_cast<int>(options.heartbeat_timeout.count()));
  const auto limit = static_cast<std::int64_t>(options.max_frame_bytes);
  zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &limit, sizeof limit);
  set_option(socket, ZMQ_IPV6, 1);
}

/// KEY of a file's line "WORD KEY"; "" if there is none.
std::string read_key(const std::string& path, const std::string& word) {
  std::ifstream in(path);
  std::string found, key;
  return in >> found >> key && found == word && key.size() == 40 ? key : std::string();
}

// CURVE needs all three keys; a wrong one shows when the service turns the connection away.
std::optional<client_error> use_keys(void* socket, const client_options& options) {
  if (options.key_file.empty() && options.server_key_file.empty()) return std::nullopt;
  const auto unreadable = [](const char* option, const std::string& path, const char* word) {
    return client_error{client_errc::invalid_argument,
                        std::string(option) + " '" + path + "' cannot be read or holds no line \"" + word + " KEY\"", ""};
  };
  const auto secret = read_key(options.key_file, "tokamak-secret-key");
  if (secret.empty()) return unreadable("key_file", options.key_file, "tokamak-secret-key");
  const auto server = read_key(options.server_key_file, "tokamak-public-key");
  if (server.empty()) return unreadable("server_key_file", options.server_key_file, "tokamak-public-key");
  char own[41];
  if (zmq_curve_public(own, secret.c_str()) != 0 ||
      zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret.c_str(), secret.size() + 1) != 0 ||
      zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, own, sizeof own) != 0 ||
      zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server.c_str(), server.size() + 1) != 0)
    return client_error{client_errc::invalid_argument, "the keys are not usable, or libzmq was built without CURVE", ""};
  return std::nullopt;
}

struct part {
  zmq_msg_t message;
  part() { zmq_msg_init(&message); }
  ~part() { zmq_msg_close(&message); }
  part(const part&) = delete;
  part& operator=(const part&) = delete;
  bool receive(void* socket) { return zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0; }
  bool more() const { return zmq_msg_more(&message) != 0; }
  // A copy, which is aligned as FlatBuffers need it; what ZeroMQ hands out often is not.
  bytes copy() {
    const auto* data = static_cast<const std::uint8_t*>(zmq_msg_data(&message));
    return {data, data + zmq_msg_size(&message)};
  }
};

} // namespace

client_result<std::unique_ptr<connection>> connection::begin(void* context, const std::string& address,
                                                             const client_options& options) {
  socket_ptr socket(zmq_socket(context, ZMQ_DEALER));
  if (!socket) return refused(address);
  configure(socket.get(), options);
  if (auto problem = use_keys(socket.get(), options)) return *std::move(problem);
  // A closed monitor gives its name back only some time later, so every connection takes a new one.
  static std::atomic<unsigned> count{0};
  const std::string monitor_address = "inproc://tokamak.client.monitor." + std::to_string(count.fetch_add(1));
  constexpr int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED |
                         ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
  if (zmq_socket_monitor(socket.get(), monitor_address.c_str(), events) != 0) return refused(address);
  socket_ptr monitor(zmq_socket(context, ZMQ_PAIR));
  if (!monitor || zmq_connect(monitor.get(), monitor_address.c_str()) != 0) return refused(address);
  if (zmq_connect(socket.get(), address.c_str()) != 0) return refused(address);
  return std::unique_ptr<connection>(new connection(std::move(socket), std::move(monitor)));
}

connection::~connection() { zmq_socket_monitor(socket_.get(), nullptr, 0); }

connection::change connection::poll_changes() {
  change seen = change::none;
  for (;;) {
    // An event is two parts: its number (16 bits) and value, then the address.
    part event, address;
    if (!event.receive(monitor_.get())) return seen;
    const bytes data = event.copy();
    if (event.more()) address.receive(monitor_.get());
    std::uint16_t number = 0;
    if (data.size() < sizeof number) continue;
    std::memcpy(&number, data.data(), sizeof number);
    if (number == ZMQ_EVENT_CONNECTED) {
      reached_ = true;
    } else if (number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      ready_ = true;
      seen = change::ready;
    } else {
      denied_ = number == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
      return change::lost;
    }
  }
}

bool connection::send(frame_type type, const bytes& body) {
  const header head = make_header(type);
  if (zmq_send(socket_.get(), head.data(), head.size(), ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) return false;
  return zmq_send(socket_.get(), body.data(), body.size(), ZMQ_DONTWAIT) >= 0;
}

std::optional<connection::message> connection::receive() {
  part first;
  if (!first.receive(socket_.get())) return std::nullopt;
  message out;
  out.header = first.copy();
  bool more = first.more();
  for (int i = 0; more; ++i) {
    part next;
    if (!next.receive(socket_.get())) break; // cannot happen: messages arrive whole
    more = next.more();
    if (i == 0) out.body = next.copy();
  }
  return out;
}

void connection::linger(int milliseconds) { set_option(socket_.get(), ZMQ_LINGER, milliseconds); }

} // namespace tokamak::client_detail
