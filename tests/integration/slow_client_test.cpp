// Clients that are slow, that do not read at all, that die or hang: their own requests pause and end, nobody else's.
#include "child_process.hpp"
#include "raw_client.hpp"
#include "test_service.hpp"

#include <tokamak/client.hpp>

using namespace tokamak;
using namespace std::chrono_literals;

namespace {

std::string toml(const std::string& engine, const std::string& frontend) {
  return "[models.smollm2]\npath = \"" + test::smollm2_path() + "\"\n[engines.smollm2]\nmodel = \"smollm2\"\n" +
         engine + "[frontends.zmq]\nkind = \"zmq\"\nbind = \"tcp://127.0.0.1:*\"\n" + frontend;
}

client connect(test::test_service& s) {
  auto c = client::connect(s.address());
  REQUIRE(c.has_value());
  return std::move(*c);
}

double counter(client& c, const std::string& kind, const std::string& name) {
  auto s = c.status();
  REQUIRE_MESSAGE(s.has_value(), (s ? "" : s.error().to_string()));
  for (const auto& actor : s->actors)
    if (actor.kind == kind)
      for (const auto& k : actor.counters)
        if (k.name == name) return k.value;
  return -1;
}

/// Until a counter has the value; how long that took.
std::chrono::milliseconds until(client& c, const std::string& kind, const std::string& name, double value,
                                std::chrono::milliseconds limit = 20s) {
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  };
  while (counter(c, kind, name) != value && passed() < limit * test::patience) std::this_thread::sleep_for(10ms);
  CHECK_MESSAGE(counter(c, kind, name) == value, kind << " " << name);
  return passed();
}

wire::OpenT endless(std::uint64_t id, std::uint32_t max_tokens = 4000) {
  auto m = test::raw_request(id, max_tokens, "Once upon a time, story " + std::to_string(id));
  m.stops->ignore_eos = true;
  return m;
}

/// `tokamak ask` with a prompt that is answered at length.
std::vector<std::string> ask(const std::string& address) {
  return {test::tokamak_program(), "ask", "--connect", address, "--raw", "--temperature", "1", "--seed", "1",
          "--max-tokens", "4000", "smollm2", "Once upon a time, in a small village by the sea,"};
}

} // namespace

TEST_CASE("a request that is not acknowledged pauses at the window and goes on at half of it; others are not slowed") {
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not in ~/.cache/tokamak/models: skipped");
    return;
  }
  test::test_service s(toml("", "window_tokens = 128\n"));
  auto polite = connect(s);
  test::raw_client slow(s.address());
  slow.send<wire::Open>(endless(1));
  auto first = slow.read_tokens(129);
  CHECK(first > 128);
  first += slow.read_until_quiet(1000ms);
  CHECK(first < 128 + 16); // what was on its way when it paused
  // Meanwhile another client gets more than a window, for it acknowledges what it reads.
  client_request r;
  r.model = "smollm2";
  r.prompt = "The history of bread begins";
  r.max_tokens = 200;
  r.stops.ignore_eos = true;
  const auto answer = polite.generate(r);
  REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().to_string()));
  CHECK(answer->token_ids.size() == 200);

  wire::AcknowledgeT ack;
  ack.id = 1;
  ack.tokens = static_cast<std::uint32_t>(first - 64);
  slow.send<wire::Acknowledge>(ack);
  CHECK(slow.read_tokens(64) >= 64);
  CHECK(slow.read_until_quiet(1000ms) < 16);
}

TEST_CASE("a request that is never acknowledged is cut after the stall timeout, and its client is told why") {
  if (!test::exists(test::smollm2_path())) return;
  test::test_service s(toml("", "window_tokens = 128\nstall_timeout_ms = 1000\n"));
  auto watcher = connect(s);
  test::raw_client slow(s.address());
  slow.send<wire::Open>(endless(1));
  CHECK(slow.read_tokens(129) > 128);
  std::optional<wire::ChunkT> last;
  CHECK(slow.read_until_quiet(30s, &last) < 16);
  REQUIRE(last);
  REQUIRE(last->error);
  CHECK(last->id == 1);
  CHECK(last->error->code == wire::ErrorCode::cancelled);
  CHECK(last->error->message == "the client acknowledged nothing for 1000 ms");
  until(watcher, "scheduler", "running", 0);
  CHECK(counter(watcher, "frontend", "stalled") == 1);
}

TEST_CASE("a client that reads nothing is paused by the bytes that wait for it, and slows nobody") {
  if (!test::exists(test::smollm2_path())) return;
  test::test_service s(toml("", "client_buffer_bytes = \"1MiB\"\nstall_timeout_ms = 2000\nwindow_tokens = 1000000\n"));
  auto polite = connect(s);
  {
    test::raw_client deaf(s.address(), true);
    for (std::uint64_t id = 1; id <= 16; ++id) {
      auto m = endless(id);
      m.sampling->top_logprobs = 255; // some kilobytes a token
      deaf.send<wire::Open>(m);
    }
    until(polite, "frontend", "requests_running", 16);
    client_request r;
    r.model = "smollm2";
    r.prompt = "The history of bread begins";
    r.max_tokens = 8;
    const auto answer = polite.generate(r);
    CHECK_MESSAGE(answer.has_value(), (answer ? "" : answer.error().to_string()));
    // The kernel's buffers and ZeroMQ's take some megabytes, then the client's own requests stand still and are cut.
    // What it sends shows that it lives, but is no progress.
    const auto cut = [&] { return counter(polite, "frontend", "stalled") == 16; };
    // With sanitizers tokens come so slowly that its heartbeats, which wait behind them, may be missed before that.
    const auto given_up = [&] { return test::patience > 1 && counter(polite, "frontend", "clients_gone") == 1; };
    for (int i = 0; i < 300 && !cut() && !given_up(); ++i) {
      wire::AcknowledgeT ack;
      ack.id = 1;
      deaf.send<wire::Acknowledge>(ack);
      std::this_thread::sleep_for(300ms);
    }
    if (!given_up()) {
      CHECK(counter(polite, "frontend", "stalled") == 16);
      CHECK(counter(polite, "frontend", "clients_gone") == 0);
    }
    CHECK(counter(polite, "frontend", "requests_running") == 0);
    until(polite, "scheduler", "running", 0);
  }
}

TEST_CASE("a client that dies while its request waits in the queue takes it along") {
  if (!test::exists(test::smollm2_path())) return;
  test::test_service s(toml("max_sequences = 1\n", "window_tokens = 1000000\n"));
  auto watcher = connect(s);
  test::raw_client busy(s.address());
  busy.send<wire::Open>(endless(1));
  REQUIRE(busy.chunk());
  {
    test::child_process doomed(ask(s.address()));
    until(watcher, "frontend", "requests_running", 2);
    CHECK(counter(watcher, "scheduler", "waiting") == 1);
    doomed.signal(SIGKILL);
    CHECK(until(watcher, "scheduler", "waiting", 0) < 2s * test::patience);
    CHECK(doomed.wait() == 128 + SIGKILL);
    CHECK(doomed.out() == ""); // it had nothing yet
  }
  CHECK(counter(watcher, "frontend", "clients_gone") == 1);
  CHECK(counter(watcher, "scheduler", "running") == 1); // the other's goes on
}

TEST_CASE("a client that hangs is given up after missed heartbeats, also while its request waits") {
  if (!test::exists(test::smollm2_path())) return;
  test::test_service s(toml("max_sequences = 1\n", "window_tokens = 1000000\n"));
  auto watcher = connect(s);
  test::raw_client busy(s.address());
  busy.send<wire::Open>(endless(1, 8000));
  REQUIRE(busy.chunk());
  test::child_process hanging(ask(s.address()));
  until(watcher, "frontend", "requests_running", 2);
  hanging.signal(SIGSTOP);
  CHECK(until(watcher, "frontend", "requests_running", 1, 30s) < 12s * test::patience);
  CHECK(counter(watcher, "scheduler", "waiting") == 0);
}

TEST_CASE("a client that dies in mid-stream frees its blocks") {
  if (!test::exists(test::smollm2_path())) return;
  // Memory for one sequence of this context: the second would not fit beside what the first left behind.
  test::test_service s(toml("context_length = 512\nkv_memory_bytes = \"24MiB\"\n", ""));
  auto watcher = connect(s);
  {
    test::child_process doomed(ask(s.address()));
    REQUIRE(doomed.wait_for(" "));
    CHECK(counter(watcher, "scheduler", "running") == 1);
    doomed.signal(SIGKILL);
    CHECK(until(watcher, "scheduler", "running", 0) < 2s * test::patience);
  }
  client_request r;
  r.model = "smollm2";
  r.prompt = "The history of bread begins";
  r.max_tokens = 400;
  r.stops.ignore_eos = true;
  const auto answer = watcher.generate(r);
  REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().to_string()));
  CHECK(answer->token_ids.size() == 400);
}

TEST_CASE("a client that connects again and again leaves nothing behind") {
  if (!test::exists(test::smollm2_path())) return;
  test::test_service s(toml("", ""));
  auto watcher = connect(s);
  for (int i = 0; i < 30; ++i) {
    test::raw_client brief(s.address());
    brief.send<wire::Open>(endless(1));
    if (i % 2) REQUIRE(brief.chunk());
  }
  until(watcher, "frontend", "requests_running", 0);
  until(watcher, "frontend", "connections", 1);
  until(watcher, "scheduler", "running", 0);
  CHECK(counter(watcher, "scheduler", "waiting") == 0);
}
