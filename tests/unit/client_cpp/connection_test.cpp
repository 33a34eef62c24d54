// Connections: late, lost, silent, frozen, not ZeroMQ at all; and the time limits.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <thread>

#include "connection.hpp"
#include "fake_service.hpp"

using namespace tokamak;
using namespace fake;
using wire::FinishReason;

namespace {

client_error error_of(client_result<std::optional<client_chunk>> result) {
  REQUIRE(!result);
  return result.error();
}

void answer_ok(service& server, const client_stream& stream) {
  server.send(server.expect(open), chunks, make_chunks({{stream.id(), 0, "ok", {1}, FinishReason::stop}}));
}

// A TCP peer that sends `greeting` to whoever connects and then nothing more, not even ZeroMQ's pongs.
class mute_peer {
public:
  explicit mute_peer(std::string greeting) : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&at), size) == 0);
    REQUIRE(listen(listener_, 8) == 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    address = "tcp://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this, greeting = std::move(greeting)] {
      for (int peer; (peer = accept(listener_, nullptr, nullptr)) >= 0; peers_.push_back(peer))
        (void)!write(peer, greeting.data(), greeting.size());
    });
  }
  ~mute_peer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (const int peer : peers_) ::close(peer);
    ::close(listener_);
  }
  std::string address;

private:
  int listener_;
  std::vector<int> peers_;
  std::thread thread_;
};

// What a ROUTER says first: the 64 bytes of ZMTP 3.0's greeting (mechanism NULL) and its READY command
// (rfc.zeromq.org/spec/23).
std::string router_greeting() {
  using namespace std::string_literals;
  const std::string ready = "\x05READY\x0bSocket-Type\0\0\0\x06ROUTER"s;
  std::string greeting = "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL"s;
  greeting.resize(64, '\0');
  return greeting + '\x04' + static_cast<char>(ready.size()) + ready;
}

} // namespace

TEST_CASE("a request waits for a service that starts a little later") {
  auto server = std::make_unique<service>();
  const std::string address = server->address();
  server.reset();
  client client = connect(address);
  auto stream = client.start(ask_for());
  std::this_thread::sleep_for(150ms);
  server = std::make_unique<service>(address);
  answer_ok(*server, *stream);
  CHECK((*stream->next())->text == "ok");
}

TEST_CASE("without a service a request fails after the connect timeout") {
  client client = connect("tcp://127.0.0.1:1", impatient());
  auto stream = client.start(ask_for());
  CHECK(error_of(stream->next()).to_string() ==
        "no connection to tcp://127.0.0.1:1 within 400 ms (unavailable)");
  const auto models = client.list_models();
  REQUIRE(!models);
  CHECK(models.error().code == client_errc::unavailable);
}

TEST_CASE("a request cancelled while it waits is never sent") {
  auto server = std::make_unique<service>();
  const std::string address = server->address();
  server.reset();
  client client = connect(address);
  auto first = client.start(ask_for());
  auto second = client.start(ask_for());
  first->cancel();
  server = std::make_unique<service>(address);
  CHECK(server->expect(open).as<wire::Open>().id() == second->id());
  CHECK(!server->receive(100ms));
}

TEST_CASE("a vanished service fails what is in flight, and the next request finds its successor") {
  auto server = std::make_unique<service>();
  const std::string address = server->address();
  client client = connect(address);
  for (int round = 0; round < 3; ++round) {
    auto stream = client.start(ask_for());
    const request got = server->expect(open);
    server->send(got, chunks, make_chunks({{stream->id(), 0, "a", {1}}}));
    CHECK((*stream->next())->text == "a");
    server->vanish();
    CHECK(error_of(stream->next()).to_string() == "the connection to " + address + " was lost (unavailable)");
    CHECK(!*stream->next());
    server = std::make_unique<service>(address);
  }
}

TEST_CASE("a question in flight fails too when the service vanishes") {
  service server;
  client client = connect(server.address());
  auto models = std::async(std::launch::async, [&] { return client.list_models(); });
  server.expect(list_models);
  server.vanish();
  const auto result = models.get();
  REQUIRE(!result);
  CHECK(result.error().code == client_errc::unavailable);
}

TEST_CASE("a peer that stops answering pings is given up after the heartbeat timeout") {
  const mute_peer frozen(router_greeting());
  client client = connect(frozen.address, impatient());
  auto stream = client.start(ask_for());
  const auto before = std::chrono::steady_clock::now();
  const client_error error = error_of(stream->next());
  CHECK(error.to_string() == "the connection to " + frozen.address + " was lost (unavailable)");
  CHECK(std::chrono::steady_clock::now() - before < 3s);
}

TEST_CASE("what answers without ZeroMQ's handshake is named as such") {
  const mute_peer web("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  client client = connect(web.address, impatient());
  auto stream = client.start(ask_for());
  CHECK(error_of(stream->next()).message ==
        "no connection to " + web.address + " within 400 ms: something answers there, but not with ZeroMQ's handshake, or it wants keys");
}

TEST_CASE("a silent service is asked for a sign of life and then given up") {
  client_options options = impatient();
  options.liveness_interval = 120ms;
  service server;
  client client = connect(server.address(), options);
  auto stream = client.start(ask_for());
  const request got = server.expect(open);
  for (int round = 0; round < 3; ++round) {
    const request probe = server.expect(list_models);
    server.send(got, model_list, make_model_list(probe.as<wire::ListModels>().op(), {}));
  }
  server.send(got, chunks, make_chunks({{stream->id(), 0, "slow", {1}}}));
  CHECK((*stream->next())->text == "slow");
  server.expect(list_models);
  CHECK(error_of(stream->next()).to_string() ==
        "the service at " + server.address() + " is connected but silent (unavailable)");
}

TEST_CASE("an idle client asks nothing") {
  client_options options = impatient();
  options.liveness_interval = 30ms;
  service server;
  client client = connect(server.address(), options);
  auto stream = client.start(ask_for());
  answer_ok(server, *stream);
  REQUIRE(stream->next());
  CHECK(!server.receive(150ms));
}

TEST_CASE("silence within an answer ends it after the chunk timeout and closes it") {
  service server;
  client client = connect(server.address());
  client_request request = ask_for();
  request.chunk_timeout = 80ms;
  auto stream = client.start(request);
  server.expect(open);
  CHECK(error_of(stream->next()).to_string() == "no chunk came within 80 ms (deadline_exceeded)");
  server.expect(fake::close);
  CHECK(!*stream->next());
}

TEST_CASE("a deadline holds even if the service ignores it") {
  service server;
  client client = connect(server.address());
  client_request request = ask_for();
  request.deadline = 100ms;
  auto stream = client.start(request);
  const auto got = server.expect(open);
  CHECK(got.as<wire::Open>().deadline_us() == 100000);
  CHECK(error_of(stream->next()).to_string() == "the answer did not end within 2100 ms (deadline_exceeded)");
  server.expect(fake::close);
}

TEST_CASE("an unanswered question ends after the answer timeout") {
  service server;
  client client = connect(server.address(), impatient());
  const auto models = client.list_models();
  REQUIRE(!models);
  CHECK(models.error().to_string() == "no answer within 600 ms (deadline_exceeded)");
}

TEST_CASE("closing the client closes its requests at the service and ends their streams") {
  service server;
  auto client = std::make_unique<tokamak::client>(connect(server.address()));
  auto stream = client->start(ask_for());
  server.expect(open);
  client.reset();
  CHECK(error_of(stream->next()).to_string() == "the client was closed (cancelled)");
  CHECK(server.expect(fake::close).as<wire::Close>().id() == stream->id());
}

TEST_CASE("the last chunks count even if the service leaves right after sending them") {
  for (int round = 0; round < 20; ++round) {
    auto server = std::make_unique<service>();
    client client = connect(server->address());
    auto stream = client.start(ask_for());
    const request got = server->expect(open);
    for (std::uint32_t i = 0; i < 50; ++i) server->send(got, chunks, make_chunks({{stream->id(), i, "x", {1}}}));
    server->send(got, chunks, make_chunks({{stream->id(), 50, "", {}, FinishReason::stop}}));
    server->leave();
    int tokens = 0;
    for (;;) {
      const auto chunk = stream->next();
      INFO("after ", tokens, " tokens");
      REQUIRE(chunk);
      if (!*chunk) break;
      tokens += static_cast<int>((*chunk)->token_ids.size());
    }
    CHECK(tokens == 50);
  }
}

TEST_CASE("what a service said last is read by a connection that was not attended to while it came and the service left") {
  using tokamak::client_detail::connection;
  const std::unique_ptr<void, int (*)(void*)> context(zmq_ctx_new(), zmq_ctx_term);
  const std::string path = "/tmp/tokamak_last_words." + std::to_string(getpid());
  service server("ipc://" + path);
  auto waiting = connection::begin(context.get(), server.address(), {});
  REQUIRE(waiting);
  while ((*waiting)->poll_changes() != connection::change::ready) std::this_thread::sleep_for(1ms);
  REQUIRE((*waiting)->send(tokamak::client_detail::frame_type::drain, {1}));
  const auto asked = server.receive();
  REQUIRE(asked);
  server.send(*asked, drained, make_drained(1));
  server.leave();
  unlink(path.c_str());
  std::this_thread::sleep_for(100ms);
  zmq_pollitem_t item{(*waiting)->socket(), 0, ZMQ_POLLIN, 0};
  CHECK(zmq_poll(&item, 1, 0) == 1);
  CHECK((*waiting)->poll_changes() == connection::change::lost);
  CHECK((*waiting)->receive());
}
