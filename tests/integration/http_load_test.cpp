// Too many clients, clients that come and go, and a node that leaves: what those who stay are answered.
#include "http_client.hpp"

#include <fstream>

using namespace tokamak;
using namespace tokamak::test;
using namespace std::chrono_literals;

namespace {

template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = 10s) {
  const auto end = std::chrono::steady_clock::now() + limit * patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

std::string busy(int status, const std::string& message, const std::string& type, const std::string& code) {
  return fmt::format(R"({} {{"error":{{"message":"{}","type":"{}","param":null,"code":"{}"}}}})", status, message, type, code);
}
std::string told(const http_client::answer& a) { return fmt::format("{} {}", a.status, a.body); }
bool says_when(const http_client::answer& a) { return a.head.find("\r\nRetry-After: 1\r\n") != std::string::npos; }

std::string long_answer(const std::string& fields = {}) { return R"({"model":"smollm2","prompt":"x","max_tokens":3000,"ignore_eos":true)" + (fields.empty() ? "" : "," + fields) + "}"; }
const std::string stream = R"("stream":true)";

std::string with_engine(std::string text, const std::string& keys) { return text.insert(text.find("context_length"), keys); }

std::size_t open_files() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t resident_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

} // namespace

TEST_CASE("a full queue and a deadline are told with their status, and a full queue with when to ask again") {
  if (skipped()) return;
  test_service s(with_engine(toml("", ", step_us = 20000"), "max_sequences = 1\nmax_waiting = 1\n") + "[operations]\ndefault_deadline_ms = 1500\n");
  const auto address = s.address();
  http_client first(address), second(address);
  first.post("/v1/completions", long_answer(stream));
  REQUIRE(first.read_until("data: {"));
  second.post("/v1/completions", long_answer());
  REQUIRE(eventually([&] { return counter(address, "scheduler", "waiting") == 1; }));
  for (const auto& fields : {std::string(), stream}) {
    const auto third = asked(address, "/v1/completions", long_answer(fields));
    CHECK(told(third) == busy(429, "engine 'smollm2' has 1 requests waiting already", "rate_limit_error", "rate_limit_exceeded"));
    CHECK(says_when(third));
  }
  CHECK(told(second.read_answer()) == busy(504, "the request's deadline passed", "server_error", "deadline_exceeded"));
  CHECK(first.read_until("0\r\n\r\n"));
  CHECK(first.in.find(R"(data: {"error":{"message":"the request's deadline passed","type":"server_error","param":null,"code":"deadline_exceeded"}})") != std::string::npos);
}

TEST_CASE("one connection too many is told so, and another may come when one has ended") {
  if (skipped()) return;
  test_service s(toml("max_clients = 2\n"));
  http_client a(s.address());
  {
    http_client b(s.address()), c(s.address());
    a.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(a.read_answer().status == 200);
    c.send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto full = c.read_answer();
    CHECK(told(full) == busy(503, "all 2 connections are in use", "server_error", "unavailable"));
    CHECK(says_when(full));
    CHECK(!c.read_some());
  }
  CHECK(eventually([&] { return got(s.address(), "/health").status == 200; }));
}

TEST_CASE("a client that is killed while it waits for a whole answer ends it within a step") {
  if (skipped()) return;
  test_service s(toml("", ", step_us = 100000"));
  http_client c(s.address());
  c.post("/v1/completions", long_answer("\"n\":2"));
  REQUIRE(eventually([&] { return counter(s.address(), "scheduler", "running") == 2; }));
  const auto steps = counter(s.address(), "scheduler", "steps");
  c.end();
  CHECK(eventually([&] { return counter(s.address(), "scheduler", "running") == 0; }));
  CHECK(counter(s.address(), "scheduler", "steps") <= steps + 2); // the one that ran when it was counted, and the one that ran when it went
}

TEST_CASE("a thousand clients that go away in the midst of their streams leave nothing behind") {
  if (skipped()) return;
  test_service s(toml());
  const auto address = s.address();
  const auto round = [&](int clients) {
    for (int i = 0; i < clients; ++i) {
      http_client c(address);
      c.post("/v1/completions", long_answer(stream + ",\"n\":3"));
      REQUIRE(c.read_until("data: {"));
    }
    REQUIRE(eventually([&] { return counter(address, "scheduler", "running") + counter(address, "scheduler", "waiting") + counter(address, "frontend", "requests_running") == 0; }));
    REQUIRE(eventually([&] { return counter(address, "frontend", "connections") == 1; })); // the one that asks
  };
  round(100);
  const auto files = open_files(), bytes = resident_bytes();
  round(1000);
  CHECK(eventually([&] { return open_files() <= files; })); // the connection that asked last may still end
  CHECK(resident_bytes() < bytes + (16u << 20));
  CHECK(counter(address, "frontend", "cancelled") == 3300);
  CHECK(asked(address, "/v1/completions", R"({"model":"smollm2","prompt":"x","max_tokens":3})").status == 200);
}

TEST_CASE("a stream that nobody reads is paused, then cut, and others go on meanwhile") {
  if (skipped()) return;
  test_service s(toml("client_buffer_bytes = 1048576\nstall_timeout_ms = 4000\n", ", step_us = 1000"));
  const auto address = s.address();
  http_client deaf(address);
  // Each event repeats the request's name: together more than the system takes for a connection.
  deaf.post("/v1/completions", long_answer(stream + R"(,"n":32,"temperature":0)"), "X-Request-Id: " + std::string(128, 'x') + "\r\n");
  const auto generated = [&] { return counter(address, "scheduler", "tokens_generated"); };
  REQUIRE(eventually([&] {
    const auto before = generated();
    std::this_thread::sleep_for(300ms);
    return before > 0 && generated() == before;
  }));
  CHECK(counter(address, "frontend", "requests_running") == 1); // paused, not over
  CHECK(asked(address, "/v1/completions", R"({"model":"smollm2","prompt":"x","max_tokens":3})").status == 200);
  CHECK(eventually([&] { return counter(address, "frontend", "connections") == 1; }));
  CHECK(counter(address, "frontend", "cancelled") == 32);
  CHECK(counter(address, "scheduler", "running") == 0);
}

TEST_CASE("a node that drains is not ready, refuses what is new, and ends what runs") {
  if (skipped()) return;
  test_service s(toml("", ", step_us = 5000"));
  const auto address = s.address();
  http_client running(address);
  running.post("/v1/completions", R"({"model":"smollm2","prompt":"x","max_tokens":300,"ignore_eos":true,"stream":true})");
  REQUIRE(running.read_until("data: {"));
  bool drained = false;
  std::thread drain([&] { drained = s->drain(20'000 * patience); });
  http_client::answer ready;
  CHECK(eventually([&] { return (ready = got(address, "/health/ready")).status == 503; }));
  CHECK(told(ready) == R"(503 {"status":"draining"})");
  CHECK(says_when(ready));
  CHECK(got(address, "/health/live").status == 200);
  const auto refused = asked(address, "/v1/completions", R"({"model":"smollm2","prompt":"x"})");
  CHECK(told(refused) == busy(503, "endpoint 'smollm2' is draining", "server_error", "unavailable"));
  CHECK(says_when(refused));
  const auto whole = running.read_answer();
  CHECK(whole.body.find(R"("finish_reason":"length")") != std::string::npos);
  CHECK(whole.body.ends_with("data: [DONE]\n\n"));
  drain.join();
  CHECK(drained);
}
