// cache policy "radix": single operations, worked out by hand. Blocks of two tokens.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "plugin/cache_policy_instance.hpp"
#include "unit/plugins_policy/installed.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

constexpr std::uint32_t none = TK_NO_BLOCK;
using ids = std::vector<std::int32_t>;
using blocks = std::vector<std::uint32_t>;

struct cache {
  cache_policy_instance policy;

  explicit cache(std::uint32_t n_groups = 1, option_value::table options = {})
      : policy([&] {
          auto made =
              cache_policy_instance::create(installed(), use("radix", std::move(options)), settings(), 2, n_groups);
          REQUIRE_MESSAGE(made, made.error().to_string());
          return std::move(*made);
        }()) {}

  /// Which of the offered blocks are the policy's now, "101".
  std::string insert(std::uint64_t sequence, const ids& tokens, const blocks& offered) {
    std::vector<std::uint8_t> taken(offered.size(), 9);
    policy.insert(sequence, tokens, offered, taken);
    std::string text;
    for (const auto t : taken) text += static_cast<char>('0' + t);
    return text;
  }
  blocks lookup(std::uint64_t sequence, const ids& tokens, std::size_t max_nodes = 16) {
    blocks found(max_nodes * policy.n_groups(), 77);
    found.resize(policy.lookup(sequence, tokens, found) * policy.n_groups());
    return found;
  }
  /// "group:block" in the order given.
  std::string evict(std::uint32_t group, std::size_t wanted) {
    std::string text;
    std::size_t counted = 0;
    const std::size_t returned = policy.evict(group, wanted, [&](std::uint32_t g, std::uint32_t b) {
      text += (text.empty() ? "" : " ") + std::to_string(g) + ":" + std::to_string(b);
      counted += g == group;
    });
    CHECK(returned == counted);
    return text;
  }
};

} // namespace

TEST_CASE("an inserted prefix is found as far as the tokens agree, in whole blocks") {
  cache c;
  CHECK(c.insert(1, {1, 2, 3, 4, 5, 6}, {10, 11, 12}) == "111");
  CHECK(c.lookup(2, {1, 2, 3, 4, 5, 6, 7}) == blocks{10, 11, 12});
  CHECK(c.lookup(3, {1, 2, 3, 4, 5}) == blocks{10, 11});
  CHECK(c.lookup(4, {1, 2, 9, 4}) == blocks{10});
  CHECK(c.lookup(5, {9}).empty());
  CHECK(c.lookup(6, {}).empty());
  CHECK(c.lookup(7, {1, 2, 3, 4}, 1) == blocks{10}); // no room for more
  CHECK(c.policy.cached_nodes() == 3);
}

TEST_CASE("equal tokens at another depth are another prefix") {
  cache c;
  c.insert(1, {1, 1, 1, 1}, {10, 11});
  CHECK(c.lookup(2, {1, 1, 1, 1, 1, 1}) == blocks{10, 11});
}

TEST_CASE("a second copy of a cached block stays the caller's, and the same block stays the policy's") {
  cache c;
  c.insert(1, {1, 2, 3, 4}, {10, 11});
  CHECK(c.insert(2, {1, 2, 3, 4, 5, 6}, {20, 21, 22}) == "001");
  CHECK(c.lookup(3, {1, 2, 3, 4, 5, 6}) == blocks{10, 11, 22});
  CHECK(c.insert(1, {1, 2, 3, 4}, {10, 11}) == "11");
}

TEST_CASE("branches share their beginning") {
  cache c;
  c.insert(1, {1, 2, 3, 4}, {10, 11});
  CHECK(c.insert(2, {1, 2, 5, 6}, {10, 13}) == "11");
  CHECK(c.lookup(3, {1, 2, 5, 6}) == blocks{10, 13});
  CHECK(c.policy.cached_nodes() == 3);
}

TEST_CASE("the least recently used leaf goes first, and a parent after its children") {
  cache c;
  c.insert(0, {1, 2, 3, 4}, {10, 11});
  c.insert(0, {1, 2, 5, 6}, {10, 12});
  c.insert(0, {7, 8}, {13});
  c.lookup(5, {1, 2, 3, 4}); // used last
  c.policy.unpin(5);
  CHECK(c.policy.evictable(0) == 4);
  CHECK(c.evict(0, 1) == "0:12");
  CHECK(c.evict(0, 2) == "0:13 0:11");
  CHECK(c.evict(0, 5) == "0:10");
  CHECK(c.policy.cached_nodes() == 0);
  CHECK(c.evict(0, 1).empty());
}

TEST_CASE("pinned nodes are not given up until every sequence has let go") {
  cache c;
  c.insert(1, {1, 2, 3, 4}, {10, 11});
  CHECK(c.policy.evictable(0) == 0);
  c.lookup(2, {1, 2});
  CHECK(c.evict(0, 9).empty());
  c.policy.unpin(1);
  CHECK(c.policy.evictable(0) == 1);
  CHECK(c.evict(0, 9) == "0:11");
  c.policy.unpin(2);
  CHECK(c.evict(0, 9) == "0:10");
  c.policy.unpin(2); // nothing more to let go
}

TEST_CASE("a sequence that looks up twice, or another branch, lets go of all at once") {
  cache c;
  c.insert(0, {1, 2, 3, 4}, {10, 11});
  c.insert(0, {1, 2, 5, 6}, {10, 12});
  c.lookup(1, {1, 2, 3, 4});
  c.lookup(1, {1, 2, 5, 6});
  c.lookup(1, {1, 2, 3, 4});
  CHECK(c.evict(0, 9).empty());
  c.policy.unpin(1);
  CHECK(c.policy.evictable(0) == 3);
}

TEST_CASE("groups keep their own blocks, with gaps") {
  cache c(2);
  CHECK(c.insert(0, {1, 2, 3, 4, 5, 6}, {10, none, 11, none, 12, 20}) == "101011");
  CHECK(c.lookup(1, {1, 2, 3, 4, 5, 6}) == blocks{10, none, 11, none, 12, 20});
  c.policy.unpin(1);
  CHECK(c.policy.evictable(0) == 3);
  CHECK(c.policy.evictable(1) == 1);
  CHECK(c.evict(1, 2) == "0:12 1:20"); // only what has a block of group 1 goes
  CHECK(c.policy.cached_nodes() == 2);
}

TEST_CASE("a gap is filled by who comes next with a block for it") {
  cache c(2);
  c.insert(0, {1, 2}, {10, none});
  CHECK(c.insert(0, {1, 2}, {15, 20}) == "01");
  CHECK(c.lookup(1, {1, 2}) == blocks{10, 20});
  c.policy.unpin(1);
  CHECK(c.policy.evictable(1) == 1);
}

TEST_CASE("insertion stops at the first new node without any block") {
  cache c(2);
  CHECK(c.insert(0, {1, 2, 3, 4, 5, 6}, {10, 20, none, none, 12, 22}) == "110000");
  CHECK(c.policy.cached_nodes() == 1);
  CHECK(c.insert(0, {1, 2, 3, 4}, {none, none, 11, none}) == "0010"); // the first is there already
}

TEST_CASE("max_nodes replaces the least recently used; its block is given at the next eviction") {
  cache c(1, {{"max_nodes", number(2)}});
  c.insert(0, {1, 2}, {10});
  c.insert(0, {3, 4}, {11});
  CHECK(c.insert(0, {5, 6}, {12}) == "1");
  CHECK(c.policy.cached_nodes() == 2);
  CHECK(c.lookup(0, {1, 2}).empty());
  CHECK(c.policy.evictable(0) == 3);
  CHECK(c.evict(0, 1) == "0:10");
  CHECK(c.policy.evictable(0) == 2);
}

TEST_CASE("with max_nodes all pinned nothing more is taken, and a path does not evict itself") {
  cache c(1, {{"max_nodes", number(2)}});
  CHECK(c.insert(1, {1, 2, 3, 4, 5, 6}, {10, 11, 12}) == "110");
  CHECK(c.insert(2, {7, 8}, {13}) == "0");
  c.policy.unpin(1);
  CHECK(c.insert(0, {1, 2, 3, 4, 5, 6}, {10, 11, 12}) == "110");
}

TEST_CASE("wrong sizes and options are refused") {
  CHECK(cache_policy_instance::create(installed(), use("radix"), settings(), 0, 1).error().message ==
        "cache_policy 'radix': block size 0 and 1 groups; at least 1 of each expected");
  CHECK(
      cache_policy_instance::create(installed(), use("radix", {{"max_nodes", number(-1)}}), settings(), 2, 1).error() ==
      error{errc::invalid_argument, "cache_policy 'radix': 'max_nodes' must be between 0 and 1000000000, found -1",
            "t.toml:3:7"});
}
