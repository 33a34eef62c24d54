// A pool without its actors: what it books of an answer that nobody waits for any more.
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
