// A pool without its actors: what it books of an answer that nobody waits for any more, and what text it makes of tokens.
#include "unit/network/test_pool.hpp"

#include <doctest/doctest.h>

using namespace tokamak;

namespace {

void open(test::pool& p, std::uint64_t id, std::vector<std::string> stops) {
  wire::OpenT m;
  m.id = id;
  m.prompt = std::make_unique<wire::PromptT>();
  m.prompt->text = "x";
  m.generate = 9;
  m.tenant = "gold";
  m.stops = std::make_unique<wire::StopsT>();
  m.stops->strings = std::move(stops);
  p.open(m);
}

} // namespace

namespace {

// A prompt that is read in the background.
wire::OpenT long_request(std::uint64_t id, std::uint64_t parent = 0) {
  wire::OpenT m;
  m.id = id;
  m.parent = parent;
  m.prompt = std::make_unique<wire::PromptT>();
  m.prompt->text = std::string(100'000, 'x');
  m.generate = 9;
  m.deadline_us = 1000;
  return m;
}

template <class T>
frame_of<T> about(std::uint64_t id) {
  typename T::NativeTableType m;
  m.id = id;
  return make_frame<T>(m);
}

} // namespace

TEST_CASE("a long prompt is read in the background, and what is said of its sequence meanwhile follows") {
  test::pool p;
  p.open(long_request(7));
  CHECK(p.effects.opened.empty());
  REQUIRE(p.effects.rests.size() == 1);
  p.open(long_request(7));
  REQUIRE(p.effects.finished.size() == 1);
  CHECK(p.effects.finished[0].error->message == "sequence 7 is open already");
  p.core.extend(1, about<wire::Extend>(7));
  wire::FlowT pause;
  pause.ids = {7};
  pause.paused = true;
  p.core.flow(*make_frame<wire::Flow>(pause));
  CHECK(p.effects.extended.empty());
  CHECK(p.effects.paused.empty());
  p.effects.clock = 400;
  p.effects.rests[0]();
  REQUIRE(p.effects.opened.size() == 1);
  CHECK(p.effects.opened[0].message.prompt->tokens.size() == 100'000);
  CHECK(p.effects.opened[0].message.deadline_us == 600); // it counts from the request on
  CHECK(p.effects.extended == std::vector<std::uint64_t>{7});
  CHECK(p.effects.paused == std::vector<std::pair<std::size_t, std::uint64_t>>{{0, 7}});
  p.generated(7, "abc");
  CHECK(p.effects.text == "abc");
}

TEST_CASE("a sequence that is closed while its prompt is read never comes to an engine") {
  test::pool p;
  p.open(long_request(7));
  p.open(long_request(8, 7)); // of the same request
  p.open(long_request(9));
  p.core.close(*about<wire::Close>(7));
  p.core.close_owner(1);
  p.open(long_request(9)); // another
  for (const auto& rest : p.effects.rests) rest();
  REQUIRE(p.effects.opened.size() == 1);
  CHECK(p.effects.opened[0].message.id == 9);
  CHECK(p.core.n_streams() == 1);
}

TEST_CASE("a long prompt that cannot be read is refused with what follows it") {
  test::pool p;
  auto m = long_request(7);
  m.prompt->text.back() = '\xff';
  p.open(m);
  p.core.extend(1, about<wire::Extend>(7));
  p.effects.rests.at(0)();
  REQUIRE(p.effects.finished.size() == 2);
  CHECK(p.effects.finished[0].error->message == "the prompt is not valid UTF-8");
  CHECK(p.effects.finished[1].error->message == "no open sequence 7");
}

TEST_CASE("tokens behind a stop string are booked as discarded, those up to it as delivered") {
  test::pool p;
  open(p, 7, {"nd"});
  REQUIRE(p.effects.opened.size() == 1);
  p.generated(7, "the endless");
  CHECK(p.effects.text == "the e");
  CHECK(p.effects.closed == std::vector<std::uint64_t>{7});
  CHECK(p.effects.booked[{"gold", wire::TokenKind::delivered}] == 7);
  CHECK(p.effects.booked[{"gold", wire::TokenKind::discarded}] == 4);
  CHECK(p.core.counts().discarded_tokens == 4);
}

TEST_CASE("tokens that arrive after their request was closed are booked as discarded") {
  test::pool p;
  open(p, 7, {});
  p.generated(7, "abc");
  wire::CloseT close;
  close.id = 7;
  p.core.close(*make_frame<wire::Close>(close));
  p.generated(7, "de");
  CHECK(p.effects.text == "abc");
  CHECK(p.effects.booked[{"gold", wire::TokenKind::delivered}] == 3);
  CHECK(p.effects.booked[{"", wire::TokenKind::discarded}] == 2); // whose they were is forgotten
}

TEST_CASE("control tokens are named where the reader asks for it, but for those that end an answer") {
  constexpr std::int32_t control = 256, end = 257;
  for (const bool shown : {false, true}) {
    test::pool p;
    wire::OpenT m;
    m.id = 7;
    m.prompt = std::make_unique<wire::PromptT>();
    m.prompt->text = "x";
    m.generate = 9;
    m.show_special = shown;
    p.open(m);
    auto c = std::make_unique<wire::ChunkT>();
    c->id = 7;
    c->tokens = {'a', control, 'b', end};
    c->finish = wire::FinishReason::stop;
    p.send(std::move(c));
    CHECK(p.effects.text == (shown ? "a<|im_start|>b" : "ab"));
  }
}
