// Engines that are lost under a pool: what goes on elsewhere, from where, and what cannot.
#include "unit/network/test_pool.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::network;
using test::recorder;
using test_pool = test::pool;

namespace {

/// Members in their order; the first that is available.
expected<std::size_t> first_available(const tk_placement_request&, std::span<const tk_placement_member> members) {
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].available) return i;
  return fail(errc::unavailable, "nobody is there");
}

struct three_engines : test_pool {
  three_engines() : test_pool({"a", "b", "c"}, first_available) {}
};

wire::OpenT asking(std::uint64_t id, std::uint32_t generate = 9) {
  wire::OpenT m;
  m.id = id;
  m.prompt = std::make_unique<wire::PromptT>();
  m.prompt->text = "x";
  m.generate = generate;
  m.tenant = "gold";
  return m;
}

} // namespace

TEST_CASE("an answer goes on at another engine, from its delivered tokens and with the rest of what it may have") {
  three_engines p;
  auto m = asking(7);
  m.sampling = std::make_unique<wire::SamplingT>();
  m.sampling->temperature = 1;
  m.deadline_us = 1'000'000;
  p.open(m);
  p.generated(7, "one ");
  p.effects.clock = 300'000;
  p.core.set_available(0, false);
  REQUIRE(p.effects.opened.size() == 2);
  const auto &first = p.effects.opened[0], &second = p.effects.opened[1];
  CHECK(first.member == 0);
  CHECK(second.member == 1);
  CHECK(second.message.id == 7);
  CHECK(second.message.target == "b");
  CHECK(second.message.attempt == 1);
  CHECK(second.message.prompt->tokens == first.message.prompt->tokens);
  CHECK(second.message.delivered == std::vector<std::int32_t>{'o', 'n', 'e', ' '});
  CHECK(second.message.generate == 5);
  CHECK(second.message.deadline_us == 700'000);
  CHECK(second.message.sampling->seed == first.message.sampling->seed);
  p.generated(7, "two", wire::FinishReason::length);
  CHECK(p.effects.text == "one two");
  REQUIRE(p.effects.finished.size() == 1);
  CHECK(p.effects.finished[0].finish == wire::FinishReason::length);
  CHECK(p.effects.finished[0].usage->completion_tokens == 7);
  CHECK(p.effects.offsets == std::vector<std::uint32_t>{0, 4});
  CHECK(p.effects.booked[{"a", wire::TokenKind::delivered}] == 4);
  CHECK(p.effects.booked[{"b", wire::TokenKind::delivered}] == 3);
  CHECK(p.core.counts().resumed == 1);
  CHECK(p.core.n_streams() == 0);
}

TEST_CASE("the client's clock runs on: queue and first token count from the first attempt") {
  three_engines p;
  p.open(asking(7));
  p.effects.clock = 100;
  p.core.set_available(0, false); // before any token
  p.generated(7, "on", wire::FinishReason::none, 40);
  p.effects.clock = 500;
  p.core.set_available(1, false); // behind some
  p.effects.clock = 900;
  p.generated(7, "e", wire::FinishReason::length, 77);
  REQUIRE(p.effects.finished.size() == 1);
  CHECK(p.effects.finished[0].usage->first_token_us == 140);
  CHECK(p.effects.finished[0].usage->total_us == 900);
}

TEST_CASE("a stop string is found across the loss") {
  three_engines p;
  auto m = asking(7);
  m.stops = std::make_unique<wire::StopsT>();
  m.stops->strings = {"end"};
  p.open(m);
  p.generated(7, "the e");
  CHECK(p.effects.text == "the "); // what may begin the stop string is held back
  p.core.set_available(0, false);
  REQUIRE(p.effects.opened.size() == 2);
  CHECK(p.effects.opened[1].message.delivered.size() == 5);
  p.generated(7, "ndless");
  CHECK(p.effects.text == "the ");
  REQUIRE(p.effects.finished.size() == 1);
  CHECK(p.effects.finished[0].stop == "end");
}

TEST_CASE("a paused answer stays paused elsewhere") {
  three_engines p;
  p.open(asking(7));
  wire::FlowT flow;
  flow.ids = {7};
  flow.paused = true;
  p.core.flow(*make_frame<wire::Flow>(flow));
  p.core.set_available(0, false);
  CHECK(p.effects.paused == std::vector<std::pair<std::size_t, std::uint64_t>>{{0, 7}, {1, 7}});
}

TEST_CASE("an engine that gives up an answer as unavailable, or has no room for a resumed one, is passed over") {
  three_engines p;
  p.open(asking(7));
  p.generated(7, "on");
  p.failed(7, errc::unavailable, "engine 'a' lost a shard", "e");
  CHECK(p.effects.text == "one"); // what came with the bad news counts
  p.failed(7, errc::overloaded, "engine 'b' has 9 requests waiting already");
  REQUIRE(p.effects.opened.size() == 3);
  CHECK(p.effects.opened[2].member == 2);
  CHECK(p.effects.opened[2].message.delivered.size() == 3);
  CHECK(p.effects.finished.empty());
  p.failed(7, errc::unavailable, "engine 'c' is draining");
  REQUIRE(p.effects.finished.size() == 1); // all have been asked
  CHECK(p.effects.finished[0].error->message == "engine 'c' is draining");
  // A first attempt that is refused for lack of room is the client's to repeat.
  p.open(asking(8));
  p.failed(8, errc::overloaded, "engine 'a' has 9 requests waiting already");
  CHECK(p.effects.opened.size() == 4);
  REQUIRE(p.effects.finished.size() == 2);
  CHECK(p.effects.finished[1].error->code == wire::ErrorCode::overloaded);
}

TEST_CASE("an engine of a node that leaves gets nothing new from pools elsewhere, but from those there until it drains itself") {
  three_engines p;
  wire::EngineLoadT load;
  const auto heard = [&](std::uint64_t now_us) { (void)p.core.heard(0, *make_frame<wire::EngineLoad>(load), now_us); };
  p.open(asking(7));
  load.leaving = true;
  heard(0); // of this process
  CHECK(p.core.n_available() == 3);
  heard(1'000);
  CHECK(p.core.n_available() == 2);
  CHECK(p.effects.opened.size() == 1); // what it runs it finishes
  load.leaving = false; // another process of that node
  heard(2'000);
  CHECK(p.core.n_available() == 3);
  load.leaving = load.draining = true;
  heard(0);
  CHECK(p.core.n_available() == 2);
}

TEST_CASE("where nobody can go on the answer ends as unavailable, once") {
  three_engines p;
  p.open(asking(7));
  p.open(asking(8, 0)); // waits to be steered
  auto limited = asking(9);
  limited.deadline_us = 10;
  p.open(limited);
  p.effects.clock = 20;
  p.core.set_available(1, false);
  p.core.set_available(2, false);
  CHECK(p.effects.finished.empty());
  p.core.set_available(0, false);
  REQUIRE(p.effects.finished.size() == 3);
  for (const auto& c : p.effects.finished) {
    CHECK(c.error->code == wire::ErrorCode::unavailable);
    CHECK(c.error->message == "engine 'a' was lost");
  }
  CHECK(p.core.n_streams() == 0);
  p.open(asking(10));
  CHECK(p.effects.finished.size() == 4);
  CHECK(p.effects.finished[3].error->message == "nobody is there");
  p.core.set_available(0, true); // it returns
  p.open(asking(11));
  CHECK(p.effects.opened.back().member == 0);
}

TEST_CASE("a sequence that was extended, forked or truncated is not replayed") {
  three_engines p;
  for (std::uint64_t id : {1, 2, 3}) p.open(asking(id));
  wire::ExtendT extend;
  extend.id = 1;
  extend.tokens = {5};
  p.core.extend(1, make_frame<wire::Extend>(extend));
  wire::ForkT fork;
  fork.id = 2;
  fork.child = 20;
  p.core.fork(1, make_frame<wire::Fork>(fork));
  wire::TruncateT truncate;
  truncate.id = 3;
  truncate.length = 1;
  p.core.truncate(1, make_frame<wire::Truncate>(truncate));
  p.core.set_available(0, false);
  CHECK(p.effects.opened.size() == 3);
  CHECK(p.effects.finished.size() == 4);
}
