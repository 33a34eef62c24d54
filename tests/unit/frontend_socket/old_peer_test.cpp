// Bytes on the frontend's port that ZeroMQ takes for peers of its old protocols, and a client of today beside them.
#include "frontend/zmq_socket.hpp"

#include <doctest/doctest.h>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace tokamak;

namespace {

/// Connects, sends the bytes and says whether the other side closed the connection within two seconds.
bool refused(const std::string& address, std::string_view bytes) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  bool closed = false;
  pollfd readable{fd, POLLIN, 0};
  while (!closed && ::poll(&readable, 1, 2000) == 1) {
    char buffer[256];
    closed = ::recv(fd, buffer, sizeof buffer, 0) <= 0; // its greeting, then the end
  }
  ::close(fd);
  return closed;
}

} // namespace

TEST_CASE("peers of ZeroMQ's old protocols are refused, clients of today are not") {
  auto router = frontend::router_socket::bind("tcp://127.0.0.1:*", 4096);
  REQUIRE(router);
  // The length and flags of an empty routing id (ZMTP 1.0), and a greeting of ZMTP 2.0. libzmq 4.3 aborts the process
  // if the socket is closed while such a peer sends its routing id, so none may get that far.
  CHECK(refused(router->address(), std::string_view("\x01\x00", 2)));
  CHECK(refused(router->address(), std::string_view("\xff\0\0\0\0\0\0\0\x01\x7f\x01\x05\0\0", 14)));

  const std::unique_ptr<void, int (*)(void*)> context(zmq_ctx_new(), zmq_ctx_term);
  const std::unique_ptr<void, int (*)(void*)> client(zmq_socket(context.get(), ZMQ_DEALER), zmq_close);
  const int linger_ms = 0;
  zmq_setsockopt(client.get(), ZMQ_LINGER, &linger_ms, sizeof linger_ms);
  REQUIRE(zmq_connect(client.get(), router->address().c_str()) == 0);
  REQUIRE(zmq_send(client.get(), "hello", 5, 0) == 5);
  zmq_pollitem_t item{router->handle(), 0, ZMQ_POLLIN, 0};
  REQUIRE(zmq_poll(&item, 1, 5000) == 1);
  frontend::received_message message;
  REQUIRE(router->receive(message));
  REQUIRE(message.n_parts() == 2);
  CHECK(message.part(1).size() == 5);
}
