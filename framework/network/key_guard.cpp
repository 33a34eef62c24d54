// A request has the parts version, id, domain, address, routing id, mechanism, key; the answer version, id, status, text,
// user, metadata.
#include "network/key_guard.hpp"

#include "base/log.hpp"

#include <zmq.h>

#include <cerrno>
#include <vector>

namespace tokamak::network {
namespace {

constexpr std::size_t most_told = 1000; // a stranger with ever new keys does not fill the log

/// All parts of a message; empty when the context ended.
std::vector<std::string> receive(void* socket) {
  std::vector<std::string> parts;
  for (bool more = true; more;) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    int read = -1;
    do read = zmq_msg_recv(&part, socket, 0);
    while (read < 0 && errno == EINTR);
    if (read >= 0) parts.emplace_back(static_cast<const char*>(zmq_msg_data(&part)), zmq_msg_size(&part));
    more = read >= 0 && zmq_msg_more(&part) != 0;
    zmq_msg_close(&part);
    if (read < 0) return {};
  }
  return parts;
}

} // namespace

expected<std::unique_ptr<key_guard>> key_guard::start(void* context, std::map<std::string, std::string> allowed) {
  void* socket = zmq_socket(context, ZMQ_REP);
  if (socket == nullptr || zmq_bind(socket, "inproc://zeromq.zap.01") != 0) {
    const std::string why = zmq_strerror(zmq_errno());
    if (socket != nullptr) zmq_close(socket);
    return fail(errc::io, "cannot check keys: " + why);
  }
  return std::unique_ptr<key_guard>(new key_guard(context, socket, std::move(allowed)));
}

key_guard::~key_guard() {
  zmq_ctx_shutdown(context_); // wakes the thread
  thread_.join();
}

void key_guard::serve() {
  while (answer()) {
  }
  zmq_close(socket_);
}

// False: the context ended.
bool key_guard::answer() {
  const auto request = receive(socket_);
  if (request.empty()) return false;
  char key[41] = "";
  const bool curve = request.size() == 7 && request[5] == "CURVE" && request[6].size() == 32;
  if (curve) zmq_z85_encode(key, reinterpret_cast<const std::uint8_t*>(request[6].data()), 32);
  const auto owner = allowed_.find(key);
  const bool known = owner != allowed_.end();
  if (!known) {
    ++refused_;
    if (told_.size() < most_told && told_.insert(key).second)
      log::warning("keys", "refused", {{"address", request.size() > 3 ? request[3] : ""}, {"key", key}});
  }
  const std::string reply[] = {"1.0", request.size() > 1 ? request[1] : "", known ? "200" : "400",
                               known ? "OK" : "unknown key", known ? owner->second : "", ""};
  for (std::size_t i = 0; i < std::size(reply); ++i)
    if (zmq_send(socket_, reply[i].data(), reply[i].size(), i + 1 < std::size(reply) ? ZMQ_SNDMORE : 0) < 0) return false;
  return true;
}

} // namespace tokamak::network
