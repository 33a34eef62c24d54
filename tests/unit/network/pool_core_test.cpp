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
