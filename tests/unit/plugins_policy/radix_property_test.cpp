// cache policy "radix" against a plain model: random operations from a printed seed, every answer compared.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "plugin/cache_policy_instance.hpp"
#include "unit/plugins_policy/installed.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

constexpr std::uint32_t none = TK_NO_BLOCK;
using ids = std::vector<std::int32_t>;

/// Prefix → blocks per group, and who pins it. Says nothing of order: eviction is checked, not predicted.
struct model {
  struct entry {
    std::vector<std::uint32_t> blocks;
    std::set<std::uint64_t> pins;
  };
  std::map<ids, entry> nodes;
};

struct world {
  std::mt19937 random;
  std::uint32_t block_size, n_groups, n_blocks;
  cache_policy_instance policy;
  model expected_state;
  std::vector<std::set<std::uint32_t>> free; ///< per group: blocks the policy does not own

  world(std::uint32_t seed, std::uint32_t b, std::uint32_t g, std::uint32_t n)
      : random(seed), block_size(b), n_groups(g), n_blocks(n), policy([&] {
          auto made = cache_policy_instance::create(installed(), use("radix"), settings(), b, g);
          REQUIRE_MESSAGE(made, made.error().to_string());
          return std::move(*made);
        }()),
        free(g) {
    for (auto& f : free)
      for (std::uint32_t i = 0; i < n; ++i) f.insert(i);
  }

  std::uint32_t pick(std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); }
  ids some_tokens() {
    ids t(pick(6 * block_size + 2));
    for (auto& x : t) x = static_cast<std::int32_t>(pick(2)); // few, so that prefixes meet
    return t;
  }
  ids prefix(const ids& t, std::size_t nodes) const {
    return {t.begin(), t.begin() + static_cast<std::ptrdiff_t>(nodes * block_size)};
  }

  void lookup() {
    const std::uint64_t sequence = 1 + pick(4);
    const ids tokens = some_tokens();
    std::size_t longest = 0;
    while ((longest + 1) * block_size <= tokens.size() && expected_state.nodes.contains(prefix(tokens, longest + 1)))
      ++longest;
    const std::size_t room = pick(8);
    std::vector<std::uint32_t> found(room * n_groups);
    const std::size_t n = policy.lookup(sequence, tokens, found);
    REQUIRE(n == std::min(longest, room));
    for (std::size_t i = 0; i < n; ++i) {
      auto& e = expected_state.nodes.at(prefix(tokens, i + 1));
      e.pins.insert(sequence);
      REQUIRE(std::equal(e.blocks.begin(), e.blocks.end(), found.begin() + static_cast<std::ptrdiff_t>(i * n_groups)));
    }
  }

  void insert() {
    const std::uint64_t sequence = pick(5); // 0 pins nothing
    const ids tokens = some_tokens();
    const std::size_t n = tokens.size() / block_size;
    std::vector<std::uint32_t> offered(n * n_groups, none);
    for (std::size_t i = 0; i < offered.size(); ++i)
      if (auto& f = free[i % n_groups]; !f.empty() && pick(8)) offered[i] = *f.begin(), f.erase(f.begin());
    std::vector<std::uint8_t> taken(offered.size(), 7);
    policy.insert(sequence, tokens, offered, taken);
    bool stopped = false;
    for (std::size_t i = 0; i < n; ++i) {
      const auto at = offered.begin() + static_cast<std::ptrdiff_t>(i * n_groups);
      auto known = expected_state.nodes.find(prefix(tokens, i + 1));
      const bool any = std::any_of(at, at + n_groups, [](std::uint32_t b) { return b != none; });
      stopped = stopped || (known == expected_state.nodes.end() && !any);
      if (!stopped && known == expected_state.nodes.end())
        known = expected_state.nodes
                    .emplace(prefix(tokens, i + 1), model::entry{std::vector<std::uint32_t>(n_groups, none), {}})
                    .first;
      if (!stopped && sequence) known->second.pins.insert(sequence);
      for (std::uint32_t g = 0; g < n_groups; ++g) {
        const bool takes = !stopped && at[g] != none && known->second.blocks[g] == none;
        REQUIRE(taken[i * n_groups + g] == takes);
        if (takes) known->second.blocks[g] = at[g];
        else if (at[g] != none) free[g].insert(at[g]);
      }
    }
  }

  void unpin() {
    const std::uint64_t sequence = 1 + pick(4);
    policy.unpin(sequence);
    for (auto& [tokens, e] : expected_state.nodes) e.pins.erase(sequence);
  }

  void evict() {
    const std::uint32_t group = pick(n_groups);
    const std::size_t wanted = pick(6);
    const std::uint64_t possible = evictable(group);
    std::vector<std::set<std::uint32_t>> given(n_groups);
    const std::size_t n = policy.evict(group, wanted, [&](std::uint32_t g, std::uint32_t b) {
      REQUIRE(g < n_groups);
      REQUIRE_FALSE(free[g].contains(b)); // was owned
      REQUIRE(given[g].insert(b).second); // and is given once
    });
    REQUIRE(n == given[group].size());
    REQUIRE(n == std::min<std::uint64_t>(wanted, possible));
    // A node goes with all its blocks, and only if it was unpinned.
    for (auto it = expected_state.nodes.begin(); it != expected_state.nodes.end();) {
      auto& e = it->second;
      std::size_t gone = 0, held = 0;
      for (std::uint32_t g = 0; g < n_groups; ++g) {
        if (e.blocks[g] == none) continue;
        ++held;
        if (given[g].erase(e.blocks[g])) ++gone, free[g].insert(e.blocks[g]);
      }
      REQUIRE((gone == 0 || gone == held));
      if (gone) REQUIRE(e.pins.empty());
      it = gone ? expected_state.nodes.erase(it) : std::next(it);
    }
    for (const auto& g : given) REQUIRE(g.empty()); // nothing was given that no node held
    for (const auto& [tokens, e] : expected_state.nodes)
      if (tokens.size() > block_size)
        REQUIRE(expected_state.nodes.contains(prefix(tokens, tokens.size() / block_size - 1)));
  }

  std::uint64_t evictable(std::uint32_t group) const {
    std::uint64_t n = 0;
    for (const auto& [tokens, e] : expected_state.nodes) n += e.pins.empty() && e.blocks[group] != none;
    return n;
  }

  void compare() const {
    REQUIRE(policy.cached_nodes() == expected_state.nodes.size());
    for (std::uint32_t g = 0; g < n_groups; ++g) {
      REQUIRE(policy.evictable(g) == evictable(g));
      std::uint32_t owned = 0;
      for (const auto& [tokens, e] : expected_state.nodes) owned += e.blocks[g] != none;
      REQUIRE(owned + free[g].size() == n_blocks); // every block is owned or free, never both
    }
  }
};

} // namespace

TEST_CASE("thousands of random operations agree with the plain model") {
  const char* given = std::getenv("TOKAMAK_TEST_SEED");
  const std::uint32_t base =
      given ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  MESSAGE("seed " << base << " (TOKAMAK_TEST_SEED repeats it)");
  for (std::uint32_t round = 0; round < 12; ++round) {
    const std::uint32_t seed = base + round;
    CAPTURE(seed);
    world w(seed, 1 + round % 3, 1 + round % 2, 40);
    for (int i = 0; i < 3000; ++i) {
      switch (w.pick(5)) {
        case 0: w.lookup(); break;
        case 1:
        case 2: w.insert(); break;
        case 3: w.unpin(); break;
        default: w.evict(); break;
      }
      w.compare();
    }
  }
}
