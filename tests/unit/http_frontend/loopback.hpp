// A connection of the HTTP frontend without a network and without time: one end of a pair of sockets, whose other end a test holds.
#pragma once

#include "frontend/http/http_connection.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdlib>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace tokamak::frontend {

/// Everything that is sent has arrived when a call returns: sockets of one machine, and a loop that runs until nothing is left to do.
class loopback {
public:
  loopback(const http_limits& limits, http_connection_events& events) : events_(events) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    client_ = ends[0];
    boost::asio::ip::tcp::socket server(io_);
    server.assign(boost::asio::ip::tcp::v4(), ends[1]);
    connection = std::make_shared<http_connection>(std::move(server), 1, limits, events_);
  }
  ~loopback() {
    end();
    connection->close();
    run();
  }
  loopback(const loopback&) = delete;
  loopback& operator=(const loopback&) = delete;

  void run() {
    io_.restart();
    while (io_.poll() > 0) {
    }
  }
  /// As much as the other side takes.
  std::size_t send(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto n = ::send(client_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
      run();
    }
    return sent;
  }
  /// The client sends no more.
  void shut() {
    shutdown(client_, SHUT_WR);
    run();
  }
  /// The client is gone.
  void end() {
    if (client_ >= 0) close(client_);
    client_ = -1;
    run();
  }
  void tick(std::uint64_t now_us) {
    connection->tick(now_us);
    run();
  }
  /// All that has come, at most `most` bytes; `over`: and then the end.
  std::string received(std::size_t most = SIZE_MAX) {
    std::string all;
    char bytes[4096];
    while (client_ >= 0 && all.size() < most) {
      const auto n = read(client_, bytes, std::min(sizeof bytes, most - all.size()));
      over = over || n == 0;
      if (n <= 0) break;
      all.append(bytes, static_cast<std::size_t>(n));
      run();
    }
    return all;
  }

  std::shared_ptr<http_connection> connection;
  bool over = false;

private:
  http_connection_events& events_;
  boost::asio::io_context io_{1};
  int client_;
};

} // namespace tokamak::frontend
