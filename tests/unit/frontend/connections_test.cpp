// File descriptors come again; clients do not.
#include "frontend/connections.hpp"

#include <doctest/doctest.h>

using namespace tokamak::frontend;
using clients = std::vector<client_id>;

TEST_CASE("the end of a connection is the end of who spoke over it") {
  connections c;
  CHECK(c.opened(7).empty());
  CHECK(c.opened(8).empty());
  CHECK(c.heard(7, "a"));
  CHECK(c.heard(7, "a"));
  CHECK(c.heard(8, "b"));
  CHECK(c.size() == 2);
  CHECK(c.closed(7) == clients{"a"});
  CHECK(c.closed(7).empty());
  CHECK(c.size() == 1);
  CHECK(c.closed(8) == clients{"b"});
}

TEST_CASE("a message that is read after its connection ended is known as such") {
  connections c;
  c.opened(7);
  c.closed(7);
  CHECK_FALSE(c.heard(7, "a"));
}

TEST_CASE("a reused number belongs to all who may have it, and nobody is forgotten") {
  connections c;
  c.opened(7);
  c.heard(7, "a");
  CHECK(c.closed(7) == clients{"a"});
  c.opened(7);
  CHECK(c.heard(7, "late")); // sent over another connection of that number, whose end came before it was read
  CHECK(c.heard(7, "b"));
  CHECK(c.closed(7) == clients{"late", "b"});
  c.opened(7);
  c.heard(7, "c");
  CHECK(c.opened(7) == clients{"c"}); // an end that nobody told
  CHECK(c.closed(7).empty());
}
