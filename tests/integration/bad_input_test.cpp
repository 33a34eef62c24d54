// What users and their programs get wrong, with the exact answer.
#include "test_service.hpp"

#include <tokamak/client.hpp>
#include <zmq.h>

#include <chrono>
#include <cstring>
#include <thread>

using namespace tokamak;

namespace {

// The null backend on a tiny model file would need no SmolLM2, but its tokenizer and template are what users meet.
std::string toml(const std::string& more = "") {
  return "[models.smollm2]\npath = \"" + test::smollm2_path() + "\"\n[engines.smollm2]\nmodel = \"smollm2\"\ncontext_length = 256\n" + more +
         "[frontends.zmq]\nkind = \"zmq\"\nbind = \"tcp://127.0.0.1:*\"\n";
}

std::string answer(client& c, client_request r) {
  r.model = r.model.empty() ? "smollm2" : r.model;
  auto a = c.generate(r);
  return a ? "answered" : a.error().to_string();
}

client_request text(std::string prompt) {
  client_request r;
  r.prompt = std::move(prompt);
  r.max_tokens = 4;
  return r;
}

double counter(client& c, const std::string& kind, const std::string& name) {
  auto s = c.status();
  REQUIRE(s.has_value());
  for (const auto& actor : s->actors)
    if (actor.kind == kind)
      for (const auto& k : actor.counters)
        if (k.name == name) return k.value;
  return -1;
}

} // namespace

TEST_CASE("bad requests are answered with what was found and what was expected, and the service goes on") {
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not in ~/.cache/tokamak/models: skipped");
    return;
  }
  test::test_service s(toml("max_waiting = 2\n"));
  auto connected = client::connect(s.address());
  REQUIRE(connected.has_value());
  auto& c = *connected;

  SUBCASE("unknown model") {
    auto r = text("hello");
    r.model = "gpt-5";
    CHECK(answer(c, r) == "no model 'gpt-5'; known: smollm2 (not_found)");
  }
  SUBCASE("prompt longer than the context") {
    client_request r;
    r.prompt = std::vector<std::int32_t>(300, 42);
    CHECK(answer(c, r) == "prompt of 300 tokens does not fit the context of 256 tokens (too_large)");
  }
  SUBCASE("a token that does not exist") {
    client_request r;
    r.prompt = std::vector<std::int32_t>{1, 49152};
    CHECK(answer(c, r) == "token 49152 is outside the vocabulary of 49152 (invalid_argument)");
    r.prompt = std::vector<std::int32_t>{-1};
    CHECK(answer(c, r) == "token -1 is outside the vocabulary of 49152 (invalid_argument)");
  }
  SUBCASE("invalid UTF-8") {
    CHECK(answer(c, text("abc\xff")) == "the prompt is not valid UTF-8 (invalid_argument)");
    client_request r;
    r.prompt = std::vector<client_message>{{"user", "\xc3"}};
    CHECK(answer(c, r) == "message 0 is not valid UTF-8 (invalid_argument)");
  }
  SUBCASE("sampling out of range") {
    auto r = text("hello");
    r.sampling.top_p = 1.5f;
    CHECK(answer(c, r) == "top_p is 1.5, expected above 0 and at most 1 (invalid_argument)");
  }
  SUBCASE("a deadline ends a request") {
    auto r = text("Once upon a time");
    r.max_tokens = 200;
    r.stops.ignore_eos = true;
    r.deadline = std::chrono::milliseconds(60);
    CHECK(answer(c, r) == "the request's deadline passed (deadline_exceeded)");
  }
  CHECK(answer(c, text("hello")) == "answered");
}

TEST_CASE("a full queue refuses, and what was accepted is finished") {
  if (!test::exists(test::smollm2_path())) return;
  test::test_service s(toml("max_waiting = 2\nmax_sequences = 1\nmax_step_rows = 8\n"));
  auto c = client::connect(s.address());
  REQUIRE(c.has_value());
  std::vector<client_stream> streams;
  for (int i = 0; i < 24; ++i) {
    auto r = text("Number " + std::to_string(i) + " is a");
    r.model = "smollm2";
    r.max_tokens = 3;
    auto stream = c->start(r);
    REQUIRE(stream.has_value());
    streams.push_back(std::move(*stream));
  }
  int finished = 0, refused = 0;
  for (auto& stream : streams)
    for (;;) {
      auto chunk = stream.next();
      if (!chunk) {
        CHECK(chunk.error().to_string().find("requests waiting already (overloaded)") != std::string::npos);
        ++refused;
        break;
      }
      if (!*chunk) break;
      if ((*chunk)->finish != client_finish::none) ++finished;
    }
  CHECK(finished + refused == 24);
  CHECK(finished >= 1);
  CHECK(refused >= 1);
}

TEST_CASE("a client that leaves in mid-stream frees its sequence") {
  if (!test::exists(test::smollm2_path())) return;
  test::test_service s(toml());
  auto watcher = client::connect(s.address());
  REQUIRE(watcher.has_value());
  {
    auto c = client::connect(s.address());
    REQUIRE(c.has_value());
    auto r = text("Once upon a time");
    r.model = "smollm2";
    r.max_tokens = 240;
    r.stops.ignore_eos = true;
    auto stream = c->start(r);
    REQUIRE(stream.has_value());
    REQUIRE(stream->next().has_value());
  } // cancels, and the connection closes
  for (int i = 0; i < 100 && counter(*watcher, "scheduler", "running") != 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(counter(*watcher, "scheduler", "running") == 0);
  CHECK(counter(*watcher, "frontend", "requests_running") == 0);
}

TEST_CASE("garbage on the ZeroMQ port is counted and answered, and stops nobody") {
  if (!test::exists(test::smollm2_path())) return;
  test::test_service s(toml());
  void* context = zmq_ctx_new();
  void* socket = zmq_socket(context, ZMQ_DEALER);
  const int timeout_ms = 3000, linger_ms = 0;
  zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
  zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
  REQUIRE(zmq_connect(socket, s.address().c_str()) == 0);
  const auto send = [&](std::string header, std::string body) {
    zmq_send(socket, header.data(), header.size(), body.empty() ? 0 : ZMQ_SNDMORE);
    if (!body.empty()) zmq_send(socket, body.data(), body.size(), 0);
    char buffer[4096];
    const auto head = zmq_recv(socket, buffer, sizeof buffer, 0);
    REQUIRE(head == 8);
    const auto size = zmq_recv(socket, buffer, sizeof buffer, 0);
    REQUIRE(size > 0);
    auto reply = read_frame<wire::ErrorReply>(std::as_bytes(std::span(buffer, static_cast<std::size_t>(size))));
    REQUIRE(reply);
    return (*reply)->error()->message()->str();
  };
  CHECK(send("hello", "") == "message of 1 parts; a header and a body expected");
  CHECK(send("GET / HTTP/1.1", "x") == "frame header of 14 bytes; 8 expected");
  CHECK(send(std::string("TKMK\x09\x09\x01\x00", 8), "x") == "protocol 9.9 found, 0.1 expected");
  CHECK(send(std::string("TKMK\x00\x01\x01\x00", 8), "garbage") == "not a valid Open frame of 7 bytes");
  CHECK(send(std::string("TKMK\x00\x01\x0b\x00", 8), "x") == "clients do not send frames of type 11 (Step)");
  zmq_close(socket);
  zmq_ctx_term(context);
  auto c = client::connect(s.address());
  REQUIRE(c.has_value());
  CHECK(counter(*c, "frontend", "bad_messages") == 5);
  CHECK(answer(*c, text("hello")) == "answered");
}
