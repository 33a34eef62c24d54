// Who may write a block, and where it goes when nobody reads it any more.
#include "engine/block_lease.hpp"

#include <doctest/doctest.h>

using tokamak::engine::block_lease;

TEST_CASE("a block is writable by its only holder until it is shared or offered to the cache") {
  const std::uint32_t total[] = {4};
  block_lease lease(total);
  CHECK(!lease.take(0));
  CHECK(lease.grant(0, 2));
  CHECK(!lease.grant(0, 2)); // already here
  CHECK(!lease.grant(0, 4)); // no such block
  const auto block = lease.take(0);
  REQUIRE(block);
  CHECK(*block == 2);
  CHECK(lease.held(0) == 1);
  CHECK(lease.writable(0, 2));
  lease.share(0, 2);
  CHECK(!lease.writable(0, 2));
  CHECK(lease.held(0) == 1);
  lease.drop(0, 2);
  CHECK(lease.writable(0, 2));
  lease.freeze(0, 2);
  CHECK(!lease.writable(0, 2));
  lease.drop(0, 2);
  CHECK(lease.free(0) == 0);
  CHECK(lease.held(0) == 0);
  CHECK(lease.take_released() == std::vector<std::vector<std::uint32_t>>{{2}});
  CHECK(!lease.has_released());
}

TEST_CASE("blocks of a cache hit are read-only and go back when the last reader leaves") {
  const std::uint32_t total[] = {4};
  block_lease lease(total);
  CHECK(lease.adopt(0, 1));
  CHECK(lease.adopt(0, 1));
  CHECK(!lease.adopt(0, 9));
  CHECK(!lease.writable(0, 1));
  lease.drop(0, 1);
  CHECK(!lease.has_released());
  lease.drop(0, 1);
  CHECK(lease.has_released());
}
