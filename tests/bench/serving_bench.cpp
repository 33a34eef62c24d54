// Load on a running service, each stream on a connection of its own: tokens/s of all streams together, and time to first token. One thread and
// few calls a token, so that the service is what is measured (beside it on the same cores).
// Usage: serving_bench http[s]://HOST:PORT|tcp://HOST:PORT MODEL [streams 64] [tokens 1000] [prompt bytes 16] [rounds 3]
#include <fmt/format.h>

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>
#include <zmq.h>

#include "message/frame.hpp"

using namespace tokamak;

namespace {

using clock_type = std::chrono::steady_clock;

struct plan {
  std::string address, model, prompt;
  std::size_t streams, tokens;
};

struct result {
  double seconds = 0;
  std::uint64_t tokens = 0;
  std::vector<double> first_ms; ///< of each stream
};

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "serving_bench: {}\n", why);
  std::exit(1);
}

double ms_since(clock_type::time_point begin) { return std::chrono::duration<double, std::milli>(clock_type::now() - begin).count(); }

// --- HTTP: one event a token

struct http_stream {
  int fd = -1;
  SSL* tls = nullptr; ///< of https; a certificate of anybody will do
  std::string tail; ///< the last bytes, where an event's mark may be cut
  bool first = false, done = false;
};

int connected(const std::string& address) {
  const auto host = address.substr(address.find("//") + 2), name = host.substr(0, host.rfind(':'));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(host.substr(host.rfind(':') + 1).c_str())));
  if (inet_pton(AF_INET, name.c_str(), &to.sin_addr) != 1) give_up("the host must be an IPv4 address");
  const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) give_up("cannot connect to " + address);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void begin_tls(http_stream& s) {
  static SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  s.tls = SSL_new(context);
  SSL_set_fd(s.tls, s.fd);
  if (SSL_connect(s.tls) != 1) give_up("the service and we find no TLS session");
}

void send_to(http_stream& s, const std::string& bytes) {
  const auto sent = s.tls ? SSL_write(s.tls, bytes.data(), static_cast<int>(bytes.size())) : write(s.fd, bytes.data(), bytes.size());
  if (sent != static_cast<ssize_t>(bytes.size())) give_up("the service took no request");
}

// What one read brings; of TLS that may be several records, or only tickets.
std::size_t read_from(http_stream& s, std::vector<char>& into) {
  if (!s.tls) {
    const auto n = read(s.fd, into.data(), into.size());
    if (n <= 0) give_up("the service closed a connection");
    return static_cast<std::size_t>(n);
  }
  std::size_t all = 0;
  do {
    const int n = SSL_read(s.tls, into.data() + all, static_cast<int>(into.size() - all));
    if (n <= 0 && SSL_get_error(s.tls, n) == SSL_ERROR_WANT_READ) return all;
    if (n <= 0) give_up("the service closed a connection");
    all += static_cast<std::size_t>(n);
  } while (all < into.size() && SSL_has_pending(s.tls) == 1);
  return all;
}

// Counts what begins with "data: {" in a stream of bytes that comes in pieces.
std::uint64_t events_in(http_stream& s, const char* bytes, std::size_t n) {
  static constexpr std::string_view mark = "data: {", end = "data: [DONE]";
  s.tail.append(bytes, n);
  std::uint64_t events = 0;
  std::size_t at = 0;
  for (std::size_t found; (found = s.tail.find(mark, at)) != std::string::npos; at = found + mark.size()) ++events;
  if (s.tail.find(end, at) != std::string::npos) s.done = true;
  const auto keep = std::min(end.size() - 1, s.tail.size() - std::min(at, s.tail.size()));
  s.tail.erase(0, s.tail.size() - keep);
  return events;
}

result run_http(const plan& p, std::vector<http_stream>& streams) {
  const auto body = fmt::format(R"({{"model":"{}","prompt":"{}","max_tokens":{},"stream":true,"temperature":0,"ignore_eos":true}})", p.model, p.prompt, p.tokens);
  const auto request = fmt::format("POST /v1/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", body.size(), body);
  result r;
  std::vector<pollfd> polled;
  for (auto& s : streams) {
    s.first = s.done = false;
    s.tail.clear();
    polled.push_back({s.fd, POLLIN, 0});
  }
  const auto begin = clock_type::now();
  for (auto& s : streams) send_to(s, request);
  std::vector<char> buffer(256 * 1024);
  for (std::size_t running = streams.size(); running > 0;) {
    if (poll(polled.data(), polled.size(), 30'000) <= 0) give_up("nothing came for 30 s");
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if (polled[i].revents == 0) continue;
      auto& s = streams[i];
      const auto events = events_in(s, buffer.data(), read_from(s, buffer));
      if (events > 0 && !s.first) {
        s.first = true;
        r.first_ms.push_back(ms_since(begin));
      }
      r.tokens += events;
      if (!s.done) continue;
      polled[i].fd = -1;
      --running;
    }
  }
  r.seconds = ms_since(begin) / 1000;
  return r;
}

// --- ZeroMQ

struct zmq_stream {
  void* socket = nullptr;
  bool first = false, done = false;
  std::uint32_t received = 0, acknowledged = 0;
};

template <class T>
void send_frame(void* socket, const typename T::NativeTableType& message) {
  std::byte header[frame_header::size];
  frame_header{frame_type_of<T>}.write(header);
  const auto frame = make_frame<T>(message);
  zmq_send(socket, header, sizeof header, ZMQ_SNDMORE);
  zmq_send(socket, frame.bytes().data(), frame.bytes().size(), 0);
}

void open_request(const plan& p, zmq_stream& s, std::uint64_t id) {
  wire::OpenT open;
  open.id = id;
  open.target = p.model;
  open.prompt = std::make_unique<wire::PromptT>();
  open.prompt->text = p.prompt;
  open.generate = static_cast<std::uint32_t>(p.tokens);
  open.stops = std::make_unique<wire::StopsT>();
  open.stops->ignore_eos = true;
  s.first = s.done = false;
  s.received = s.acknowledged = 0;
  send_frame<wire::Open>(s.socket, open);
}

// All messages that wait at one socket.
void take_messages(zmq_stream& s, std::uint64_t id, result& r, clock_type::time_point begin) {
  zmq_msg_t part;
  for (zmq_msg_init(&part); zmq_msg_recv(&part, s.socket, ZMQ_DONTWAIT) >= 0;) {
    if (zmq_msg_more(&part) != 0) continue; // the header
    const std::span bytes(static_cast<const std::byte*>(zmq_msg_data(&part)), zmq_msg_size(&part));
    const auto frame = read_frame<wire::Chunks>(bytes);
    if (!frame) give_up("the service sent something else: " + frame.error().to_string());
    for (const auto* chunk : *(**frame).items()) {
      if (chunk->error()) give_up(chunk->error()->message()->str());
      s.received += chunk->tokens() ? chunk->tokens()->size() : 0;
      s.done = s.done || chunk->finish() != wire::FinishReason::none;
    }
    if (!s.first && s.received > 0) {
      s.first = true;
      r.first_ms.push_back(ms_since(begin));
    }
    if (s.received >= s.acknowledged + 64 && !s.done) { // as clients do
      wire::AcknowledgeT seen;
      seen.id = id;
      seen.tokens = s.acknowledged = s.received;
      send_frame<wire::Acknowledge>(s.socket, seen);
    }
  }
  zmq_msg_close(&part);
}

result run_zmq(const plan& p, std::vector<zmq_stream>& streams, std::uint64_t id) {
  result r;
  std::vector<zmq_pollitem_t> polled;
  const auto begin = clock_type::now();
  for (auto& s : streams) {
    open_request(p, s, id);
    polled.push_back({s.socket, 0, ZMQ_POLLIN, 0});
  }
  for (std::size_t running = streams.size(); running > 0;) {
    if (zmq_poll(polled.data(), static_cast<int>(polled.size()), 30'000) <= 0) give_up("nothing came for 30 s");
    for (std::size_t i = 0; i < streams.size(); ++i) {
      if ((polled[i].revents & ZMQ_POLLIN) == 0 || streams[i].done) continue;
      take_messages(streams[i], id, r, begin);
      if (!streams[i].done) continue;
      polled[i].events = 0;
      r.tokens += streams[i].received;
      --running;
    }
  }
  r.seconds = ms_since(begin) / 1000;
  return r;
}

void report(const plan& p, std::vector<result> rounds) {
  std::sort(rounds.begin(), rounds.end(), [](const auto& a, const auto& b) { return static_cast<double>(a.tokens) / a.seconds < static_cast<double>(b.tokens) / b.seconds; });
  auto& r = rounds[rounds.size() / 2];
  std::sort(r.first_ms.begin(), r.first_ms.end());
  const auto first = [&](double share) { return r.first_ms[std::min(r.first_ms.size() - 1, static_cast<std::size_t>(share * static_cast<double>(r.first_ms.size())))]; };
  fmt::print("{}: {} streams of {} tokens, median of {} rounds: {:.0f} tokens/s; time to first token p50 {:.2f} ms, p99 {:.2f} ms\n", p.address, p.streams, p.tokens,
             rounds.size(), static_cast<double>(r.tokens) / r.seconds, first(0.5), first(0.99));
}

std::size_t number(int argc, char** argv, int at, std::size_t otherwise) { return argc > at ? static_cast<std::size_t>(std::strtoull(argv[at], nullptr, 10)) : otherwise; }

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) give_up("usage: serving_bench http[s]://HOST:PORT|tcp://HOST:PORT MODEL [streams 64] [tokens 1000] [prompt bytes 16] [rounds 3]");
  plan p{argv[1], argv[2], {}, number(argc, argv, 3, 64), number(argc, argv, 4, 1000)};
  for (std::size_t i = 0, n = number(argc, argv, 5, 16); i < n; ++i) p.prompt += i % 6 == 5 ? ' ' : static_cast<char>('a' + i % 26);
  const auto rounds = number(argc, argv, 6, 3);
  std::vector<result> results;
  if (p.address.starts_with("http")) {
    std::vector<http_stream> streams(p.streams);
    for (auto& s : streams) s.fd = connected(p.address);
    if (p.address.starts_with("https:")) {
      for (auto& s : streams) begin_tls(s);
      for (auto& s : streams) fcntl(s.fd, F_SETFL, O_NONBLOCK);
    }
    for (std::size_t i = 0; i < rounds; ++i) results.push_back(run_http(p, streams));
  } else {
    void* const context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 4096);
    std::vector<zmq_stream> streams(p.streams);
    for (auto& s : streams) {
      s.socket = zmq_socket(context, ZMQ_DEALER);
      if (s.socket == nullptr || zmq_connect(s.socket, p.address.c_str()) != 0) give_up("cannot connect to " + p.address);
    }
    for (std::size_t i = 0; i < rounds; ++i) results.push_back(run_zmq(p, streams, i + 1));
  }
  report(p, std::move(results));
}
