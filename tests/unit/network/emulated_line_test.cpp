// When bytes arrive over an emulated line.
#include "network/emulated_line.hpp"

#include <doctest/doctest.h>

using namespace tokamak::network;

TEST_CASE("bytes wait for those before them, then take their time") {
  emulated_line line({.bytes_per_s = 1'000'000, .delay_us = 500}, 0, 1);
  CHECK(line.arrival_us(1000, 10'000) == 11'500);
  CHECK(line.arrival_us(1000, 10'000) == 12'500); // the line was busy
  CHECK(line.arrival_us(1, 20'000) == 20'501);
  emulated_line unlimited({.delay_us = 500}, 0, 1);
  CHECK(unlimited.arrival_us(1u << 30, 10) == 510);
}

TEST_CASE("jitter stays within its bound and keeps the order, and comes again with its seed") {
  emulated_line line({.delay_us = 100, .jitter_us = 50}, 0, 7), again({.delay_us = 100, .jitter_us = 50}, 0, 7);
  std::uint64_t last = 0;
  bool varies = false;
  for (std::uint64_t now = 0; now < 10'000; now += 10) {
    const auto at = line.arrival_us(1, now);
    CHECK(at == again.arrival_us(1, now));
    CHECK(at >= last);
    CHECK(at >= now + 100);
    CHECK(at <= now + 150);
    varies |= at != now + 100;
    last = at;
  }
  CHECK(varies);
}

TEST_CASE("nothing arrives in an outage; it comes right behind") {
  emulated_line line({.delay_us = 10, .outage_every_us = 1000, .outage_us = 300}, 5000, 1);
  CHECK(line.arrival_us(1, 4000) == 4010); // before the first
  CHECK(line.arrival_us(1, 5000) == 5300);
  CHECK(line.arrival_us(1, 5285) == 5300);
  CHECK(line.arrival_us(1, 5290) == 5300);
  CHECK(line.arrival_us(1, 5291) == 5301);
  CHECK(line.arrival_us(1, 5995) == 6300);
}
