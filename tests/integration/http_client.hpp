// What the tests of the HTTP frontend share: a service with a null backend, whose next token is the last one plus one, and a client that sends what it
// is told to.
#pragma once

#include "patience.hpp"
#include "test_service.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <thread>

namespace tokamak::test {

using json = nlohmann::ordered_json;

inline std::string toml(const std::string& more = {}, const std::string& delay = {}) {
  return "[models.smollm2]\npath = \"" + smollm2_path() + "\"\n[engines.smollm2]\nmodel = \"smollm2\"\nbackend = { plugin = \"null\"" + delay +
         " }\ncontext_length = 4096\n[endpoints.smollm2]\nmembers = [\"smollm2\"]\naliases = [\"gpt-4o\"]\n[frontends.http]\nbind = \"127.0.0.1:0\"\n" + more;
}

inline bool skipped() {
  if (exists(smollm2_path())) return false;
  MESSAGE("SmolLM2 is not in ~/.cache/tokamak/models: skipped");
  return true;
}

/// One connection that sends bytes as they are.
class http_client {
public:
  explicit http_client(const std::string& address) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  ~http_client() { end(); }
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;

  void end() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  // False: the other side no longer takes anything.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  void post(const std::string& path, const std::string& body, const std::string& fields = {}) {
    send(fmt::format("POST {} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{}", path, fields, body.size(), body));
  }

  // Reads on until `text` came, or nothing more does. What was read so far is kept.
  bool read_until(std::string_view text) {
    while (in.find(text) == std::string::npos)
      if (!read_some()) return false;
    return true;
  }

  bool read_some(std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>((limit * patience).count())) <= 0) return false;
    char bytes[65536];
    const auto n = read(fd_, bytes, sizeof bytes);
    if (n > 0) in.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
  }

  struct answer {
    int status = 0;
    std::string head, body;
  };
  // The next answer with a Content-Length, or chunked.
  answer read_answer() {
    answer a;
    if (!read_until("\r\n\r\n")) return a;
    const auto head_end = in.find("\r\n\r\n") + 4;
    a.head = in.substr(0, head_end);
    in.erase(0, head_end);
    a.status = std::stoi(a.head.substr(9, 3));
    if (a.status == 100) return read_answer();
    if (const auto at = a.head.find("Content-Length: "); at != std::string::npos) {
      const auto length = std::stoull(a.head.substr(at + 16));
      while (in.size() < length)
        if (!read_some()) return a;
      a.body = in.substr(0, length);
      in.erase(0, length);
      return a;
    }
    for (;;) { // chunks
      if (!read_until("\r\n")) return a;
      const auto size = std::stoull(in, nullptr, 16);
      in.erase(0, in.find("\r\n") + 2);
      while (in.size() < size + 2)
        if (!read_some()) return a;
      a.body += in.substr(0, size);
      in.erase(0, size + 2);
      if (size == 0) return a;
    }
  }

  std::string in;

private:
  int fd_;
};

inline http_client::answer asked(const std::string& address, const std::string& path, const std::string& body, const std::string& fields = {}) {
  http_client c(address);
  c.post(path, body, fields);
  return c.read_answer();
}

inline http_client::answer got(const std::string& address, const std::string& path, const std::string& fields = {}) {
  http_client c(address);
  c.send(fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n", path, fields));
  return c.read_answer();
}

inline std::string error_of(const http_client::answer& a) {
  const auto body = json::parse(a.body, nullptr, false);
  return body.is_object() && body.contains("error") ? fmt::format("{}: {}", a.status, body["error"]["message"].get<std::string>()) : fmt::format("{}: {}", a.status, a.body);
}

// Of the service's status, as it comes over HTTP.
inline double counter(const std::string& address, const std::string& kind, const std::string& name) {
  const auto body = json::parse(got(address, "/status").body);
  double sum = 0;
  for (const auto& actor : body["actors"])
    if (actor["kind"] == kind && actor["counters"].contains(name)) sum += actor["counters"][name].get<double>();
  return sum;
}

} // namespace tokamak::test
