// Which nodes can be asked to leave, and how a drain is counted.
#include "app/node_drain.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using app::node_drain;

namespace {

frame_of<wire::Drained> drained(std::uint64_t finished, std::uint64_t cut, std::uint64_t moved) {
  wire::DrainedT m;
  m.finished = finished;
  m.cut = cut;
  m.moved = moved;
  return make_frame<wire::Drained>(m);
}

} // namespace

TEST_CASE("a node that is not there is answered with those that are, one that is not connected with that") {
  CHECK(app::can_ask_to_leave("bb", "a", {"b", "c"}, {"b"}).error() == error{errc::not_found, "no node 'bb'; did you mean 'b'? known: a, b, c", ""});
  CHECK(app::can_ask_to_leave("c", "a", {"b", "c"}, {"b"}).error() == error{errc::unavailable, "node 'c' is not connected to node 'a'", ""});
  CHECK(app::can_ask_to_leave("b", "a", {"b", "c"}, {"b"}).has_value());
}

TEST_CASE("engines are drained behind the endpoints, in what is left of the time") {
  node_drain d;
  CHECK(!d.drained(*drained(1, 1, 1))); // nobody was asked
  d.begin(1000, 500, 2);
  CHECK(!d.drained(*drained(3, 1, 0)));
  CHECK(d.drained(*drained(2, 0, 0)));
  CHECK(d.at() == node_drain::stage::endpoints);
  CHECK(d.left_us(1100) == 400);
  CHECK(d.left_us(2000) == 0);
  d.ask_engines(1);
  CHECK(d.drained(*drained(4, 0, 2)));
  d.finish();
  CHECK(!d.running());
  CHECK(!d.drained(*drained(9, 9, 9)));
  const auto r = d.result("a", 1400);
  CHECK(r.name == "a");
  CHECK(r.finished == 9);
  CHECK(r.cut == 1);
  CHECK(r.moved == 2);
  CHECK(r.took_us == 400);
}
