// The endpoint actor as a message script under a virtual clock: this test is both its client and its pool.
#include "fusion/endpoint.hpp"

#include "base/log.hpp"

#include <caf/scheduler/test_coordinator.hpp>
#include <doctest/doctest.h>

using namespace tokamak;

namespace {

using lines = std::vector<std::string>;

struct script {
  script() {
    log::set_level(log::level::off);
    config.set("scheduler.policy", caf::atom("testing"));
    system = std::make_unique<caf::actor_system>(config);
    scheduler = &dynamic_cast<caf::scheduler::test_coordinator&>(system->scheduler());
    scheduler->clock().current_time += std::chrono::hours(1);
    self = std::make_unique<caf::scoped_actor>(*system);
    auto loaded = plugin::registry::load();
    REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : loaded.error().to_string()));
    registry = std::make_unique<plugin::registry>(std::move(*loaded));
    const tk_fusion_member view[] = {{plugin::to_tk("pool"), 1}};
    plugin_use direct;
    direct.plugin = "direct";
    auto fusion = plugin::fusion_instance::create(*registry, direct, {}, view);
    REQUIRE_MESSAGE(fusion.has_value(), (fusion ? "" : fusion.error().to_string()));
    fusion::endpoint_setup setup{"e",
                                 {{"pool", caf::actor_cast<caf::strong_actor_ptr>((*self).ptr())}},
                                 std::move(*fusion),
                                 {},
                                 0,
                                 std::make_shared<sequence_ids>()};
    endpoint = fusion::spawn_endpoint(*system, std::move(setup));
  }
  ~script() {
    (*self)->send_exit(endpoint, caf::exit_reason::user_shutdown);
    endpoint = nullptr;
    settle();
    self.reset();
  }

  void settle() {
    while (scheduler->try_run_once()) {
    }
  }
  void advance(std::chrono::milliseconds by) {
    scheduler->advance_time(by);
    settle();
  }
  template <class T>
  void send(const typename T::NativeTableType& message) {
    (*self)->send(endpoint, make_frame<T>(message));
    settle();
  }
  void open(std::uint64_t id, std::uint64_t parent = 0) {
    wire::OpenT m;
    m.id = id;
    m.parent = parent;
    m.generate = 5;
    m.prompt = std::make_unique<wire::PromptT>();
    m.prompt->text = "hello";
    send<wire::Open>(m);
  }
  void drain(std::uint64_t deadline_us) {
    wire::DrainT m;
    m.deadline_us = deadline_us;
    send<wire::Drain>(m);
  }
  wire::ActorStatusT status() {
    wire::ActorStatusT got;
    auto asked = (*self)->request(endpoint, caf::infinite, make_frame<wire::StatusRequest>({}));
    settle();
    asked.receive([&](const frame_of<wire::ActorStatus>& m) { got = m.unpack(); }, [](const caf::error&) { FAIL("no status"); });
    return got;
  }
  /// What came to this test as a client and as a pool, in order.
  lines received() {
    lines text;
    bool more = true;
    while (more)
      (*self)->receive(
          [&](const frame_of<wire::Open>& m) { text.push_back(fmt::format("open {} for {}", m->id(), m->parent())); },
          [&](const frame_of<wire::Close>& m) { text.push_back(fmt::format("close {}", m->id())); },
          [&](const frame_of<wire::Flow>& m) {
            text.push_back(fmt::format("flow {} {}", m->ids()->Get(0), m->paused()));
          },
          [&](const frame_of<wire::Chunks>& m) {
            for (const auto* c : *m->items())
              text.push_back(fmt::format("chunk {}{}", c->id(), c->error() ? ": " + c->error()->message()->str() : ""));
          },
          [&](const frame_of<wire::Drained>& m) { text.push_back(fmt::format("drained {}: {} finished, {} cut", m->name()->str(), m->finished(), m->cut())); },
          caf::after(std::chrono::seconds(0)) >> [&] { more = false; });
    return text;
  }

  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  caf::scheduler::test_coordinator* scheduler = nullptr;
  std::unique_ptr<plugin::registry> registry;
  std::unique_ptr<caf::scoped_actor> self;
  fusion::endpoint_actor endpoint;
};

/// The pool's last chunk of a sequence.
wire::ChunksT end_of(std::uint64_t sequence) {
  wire::ChunksT m;
  m.items.push_back(std::make_unique<wire::ChunkT>());
  m.items[0]->id = sequence;
  m.items[0]->tokens = {4};
  m.items[0]->finish = wire::FinishReason::length;
  return m;
}

} // namespace

TEST_CASE_FIXTURE(script, "a drain without requests is done at once") {
  drain(1'000'000);
  CHECK(received() == lines{"drained e: 0 finished, 0 cut"});
  open(9);
  CHECK(received() == lines{"chunk 9: endpoint 'e' is draining"});
}

TEST_CASE_FIXTURE(script,
                  "a drain refuses new requests, lets running ones open what they need, and is done with the last") {
  open(9);
  CHECK(received() == lines{"open 1 for 9"});
  drain(1'000'000);
  open(10);
  CHECK(received() == lines{"chunk 10: endpoint 'e' is draining"});
  open(11, 3); // of a request that runs at another endpoint
  CHECK(received() == lines{"open 2 for 11"});
  send<wire::Chunks>(end_of(1));
  CHECK(received() == lines{"chunk 9"});
  send<wire::Chunks>(end_of(2));
  CHECK(received() == lines{"chunk 11", "drained e: 1 finished, 0 cut"});
  advance(std::chrono::seconds(5));
  CHECK(received() == lines{});
}

TEST_CASE_FIXTURE(script, "a drain's deadline cuts what still runs: its client is told, its sequences are closed") {
  open(9);
  received();
  drain(1'000'000);
  advance(std::chrono::milliseconds(999));
  CHECK(received() == lines{});
  advance(std::chrono::milliseconds(2));
  CHECK(received() == lines{"close 1", "chunk 9: the service is shutting down; the answer was cut", "drained e: 0 finished, 1 cut"});
}

TEST_CASE_FIXTURE(script, "a slow client's pause reaches the sequences of its request") {
  open(9);
  received();
  wire::FlowT m;
  m.ids = {9, 77};
  m.paused = true;
  send<wire::Flow>(m);
  CHECK(received() == lines{"flow 1 true"});
  m.paused = false;
  send<wire::Flow>(m);
  CHECK(received() == lines{"flow 1 false"});
}

TEST_CASE_FIXTURE(script, "requests that no model could answer are refused here") {
  wire::OpenT m;
  m.id = 9;
  send<wire::Open>(m);
  m.generate = 3;
  m.stops = std::make_unique<wire::StopsT>();
  m.stops->strings = {"", "x"};
  send<wire::Open>(m);
  m.stops->strings.clear();
  m.stops->min_tokens = 4;
  send<wire::Open>(m);
  CHECK(received() == lines{"chunk 9: max_tokens is 0; at least 1 expected", "chunk 9: stop string 0 is empty",
                            "chunk 9: min_tokens is 4, expected at most max_tokens, which is 3"});
}

TEST_CASE_FIXTURE(script, "each request is measured once at its endpoint, by the system's clock") {
  open(9);
  open(10, 3); // of a request that runs at another endpoint: this one's all the same
  received();
  advance(std::chrono::milliseconds(250));
  auto both = end_of(1);
  both.items[0]->finish = wire::FinishReason::none;
  send<wire::Chunks>(both);
  advance(std::chrono::milliseconds(750));
  send<wire::Chunks>(end_of(1));
  send<wire::Chunks>(end_of(2));
  const auto s = status();
  const auto sum = [&](const std::string& name) {
    for (const auto& h : s.histograms)
      if (h->name == name) return fmt::format("{:g}", h->sum);
    return std::string("none");
  };
  const auto value = [&](const std::string& name) {
    for (const auto& c : s.counters)
      if (c->name == name) return c->value;
    return -1.0;
  };
  CHECK(sum("text_completion.time_to_first_token_seconds") == "1.25");
  CHECK(sum("text_completion.time_per_output_token_seconds") == "0.75");
  CHECK(sum("inter_token_latency_seconds") == "0.75");
  CHECK(sum("text_completion.request_duration_seconds") == "2");
  CHECK(sum("chat.request_duration_seconds") == "0");
  CHECK(sum("completion_tokens") == "3");
  CHECK(value("finished") == 2);
  CHECK(value("finished_length") == 2);
  CHECK(value("delivered_tokens") == 3);
}

TEST_CASE_FIXTURE(script, "a request that its client closes counts as cancelled, one that is not admitted as failed") {
  open(9);
  advance(std::chrono::milliseconds(500));
  wire::CloseT close;
  close.id = 9;
  send<wire::Close>(close);
  wire::OpenT bad;
  bad.id = 10;
  send<wire::Open>(bad);
  lines ended;
  for (const auto& h : status().histograms)
    if (h->name.ends_with(".request_duration_seconds") && h->name.find('.') != h->name.rfind('.')) ended.push_back(fmt::format("{}: {:g}", h->name, h->sum));
  CHECK(ended == lines{"text_completion.invalid_argument.request_duration_seconds: 0", "text_completion.cancelled.request_duration_seconds: 0.5"});
}
