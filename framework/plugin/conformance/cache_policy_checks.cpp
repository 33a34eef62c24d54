// Cache policies: random lookups, insertions, pins and evictions beside a plain account of who owns which block.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "plugin/cache_policy_instance.hpp"
#include "plugin/conformance/kinds.hpp"

namespace tokamak::plugin::conformance {
namespace {

using tokens_t = std::vector<std::int32_t>;

/// The host's account. Prefixes whose blocks the policy has, and the sequences that pin them. A policy may forget
/// unpinned prefixes by itself (a limit of its own); what it owns it must give back sooner or later.
class account {
 public:
  account(cache_policy_instance& policy, std::uint64_t seed, std::uint32_t n_blocks)
      : policy_(policy),
        random_(seed),
        block_size_(policy.block_size()),
        n_groups_(policy.n_groups()),
        free_(n_groups_) {
    for (auto& f : free_)
      for (std::uint32_t b = 0; b < n_blocks; ++b) f.insert(b);
  }

  /// One random operation. False: see fault().
  bool step() {
    switch (pick(5)) {
      case 0: return lookup();
      case 1:
      case 2: return insert();
      case 3: return unpin(1 + pick(4));
      default: return evict(pick(n_groups_), pick(6));
    }
  }
  /// Everything let go and given up: the policy must be empty.
  bool empty_out() {
    for (std::uint64_t s = 1; s <= 4; ++s) unpin(s);
    for (std::uint32_t g = 0; g < n_groups_; ++g)
      if (!evict(g, 1'000'000)) return false;
    for (std::uint32_t g = 0; g < n_groups_; ++g)
      if (!owner_[g].empty())
        return wrong(fmt::format("{} blocks of group {} were never given back", owner_[g].size(), g));
    return policy_.cached_nodes() == 0 ||
           wrong(fmt::format("says it has {} nodes though it owns no block", policy_.cached_nodes()));
  }
  const std::string& fault() const { return fault_; }

 private:
  struct node {
    std::vector<std::uint32_t> blocks;
    std::set<std::uint64_t> pins;
  };

  std::uint32_t pick(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool wrong(std::string why) {
    fault_ = std::move(why);
    return false;
  }
  tokens_t some_tokens() {
    tokens_t t(pick(6 * block_size_ + 2));
    for (auto& x : t) x = static_cast<std::int32_t>(pick(2)); // few, so that prefixes meet
    return t;
  }
  tokens_t prefix(const tokens_t& t, std::size_t nodes) const {
    return {t.begin(), t.begin() + static_cast<std::ptrdiff_t>(nodes * block_size_)};
  }
  bool forgetful() const { return policy_.cached_nodes() < nodes_.size(); }

  bool lookup() {
    const std::uint64_t sequence = 1 + pick(4);
    const tokens_t tokens = some_tokens();
    std::size_t longest = 0, pinned = 0;
    for (; (longest + 1) * block_size_ <= tokens.size(); ++longest) {
      const auto it = nodes_.find(prefix(tokens, longest + 1));
      if (it == nodes_.end()) break;
      if (!it->second.pins.empty()) pinned = longest + 1;
    }
    const std::size_t room = pick(8);
    std::vector<std::uint32_t> found(room * n_groups_);
    const std::size_t n = policy_.lookup(sequence, tokens, found);
    if (n > std::min(longest, room))
      return wrong(fmt::format("found {} nodes where {} were cached and {} asked for", n, longest, room));
    const std::size_t least = std::min(forgetful() ? pinned : longest, room);
    if (n < least) return wrong(fmt::format("found {} nodes of a cached prefix of {}", n, least));
    for (std::size_t i = 0; i < n; ++i) {
      auto& known = nodes_.at(prefix(tokens, i + 1));
      known.pins.insert(sequence);
      if (!std::equal(known.blocks.begin(), known.blocks.end(),
                      found.begin() + static_cast<std::ptrdiff_t>(i * n_groups_)))
        return wrong(fmt::format("node {} of a prefix was found with other blocks than it was given", i));
    }
    return true;
  }

  bool insert() {
    const std::uint64_t sequence = pick(5); // 0 pins nothing
    const tokens_t tokens = some_tokens();
    const std::size_t n = tokens.size() / block_size_;
    std::vector<std::uint32_t> offered(n * n_groups_, TK_NO_BLOCK);
    for (std::size_t i = 0; i < offered.size(); ++i)
      if (auto& f = free_[i % n_groups_]; !f.empty() && pick(8)) offered[i] = *f.begin(), f.erase(f.begin());
    std::vector<std::uint8_t> taken(offered.size(), 7);
    const bool may_differ = forgetful();
    policy_.insert(sequence, tokens, offered, taken);
    for (std::size_t i = 0; i < n; ++i)
      if (!book(prefix(tokens, i + 1), &offered[i * n_groups_], &taken[i * n_groups_], may_differ)) return false;
    for (std::size_t i = 0; sequence && i < n; ++i) {
      const auto it = nodes_.find(prefix(tokens, i + 1));
      if (it == nodes_.end()) break;
      it->second.pins.insert(sequence);
    }
    return true;
  }

  /// Writes down what the policy took of one node's blocks.
  bool book(const tokens_t& key, const std::uint32_t* offered, const std::uint8_t* taken, bool may_differ) {
    for (std::uint32_t g = 0; g < n_groups_; ++g) {
      if (taken[g] > 1) return wrong("insert left a taken flag unset");
      if (!taken[g]) {
        if (offered[g] != TK_NO_BLOCK) free_[g].insert(offered[g]);
        continue;
      }
      if (offered[g] == TK_NO_BLOCK) return wrong("took a block that was not offered (TK_NO_BLOCK)");
      auto& known = nodes_.try_emplace(key, node{std::vector<std::uint32_t>(n_groups_, TK_NO_BLOCK), {}}).first->second;
      if (known.blocks[g] != TK_NO_BLOCK && !may_differ)
        return wrong("took a second block for tokens that it has a block for");
      known.blocks[g] = offered[g];
      owner_[g][offered[g]] = key;
    }
    return true;
  }

  bool unpin(std::uint64_t sequence) {
    policy_.unpin(sequence);
    for (auto& [key, n] : nodes_) n.pins.erase(sequence);
    return true;
  }

  bool evict(std::uint32_t group, std::size_t wanted) {
    const std::uint64_t possible = policy_.evictable(group);
    std::uint64_t loose = 0;
    for (const auto& [block, key] : owner_[group]) loose += !pins(group, block, key);
    if (possible > loose)
      return wrong(fmt::format("says that {} blocks can be given where {} are not pinned", possible, loose));
    std::size_t counted = 0;
    bool good = true;
    const std::size_t n = policy_.evict(group, wanted, [&](std::uint32_t g, std::uint32_t b) {
      counted += g == group;
      good = good && give(g, b);
    });
    if (!good) return false;
    if (n != counted) return wrong(fmt::format("says it gave {} blocks and gave {}", n, counted));
    const std::uint64_t due = std::min<std::uint64_t>(wanted, possible);
    return n == due || wrong(fmt::format("gave {} blocks where {} were wanted and {} evictable", n, wanted, possible));
  }

  bool pins(std::uint32_t group, std::uint32_t block, const tokens_t& key) const {
    const auto it = nodes_.find(key);
    return it != nodes_.end() && it->second.blocks[group] == block && !it->second.pins.empty();
  }

  bool give(std::uint32_t g, std::uint32_t b) {
    if (g >= n_groups_) return wrong(fmt::format("gave a block of group {} of {}", g, n_groups_));
    const auto it = owner_[g].find(b);
    if (it == owner_[g].end()) return wrong(fmt::format("gave block {} of group {}, which it did not own", b, g));
    if (pins(g, b, it->second)) return wrong("gave a pinned block");
    if (const auto n = nodes_.find(it->second); n != nodes_.end() && n->second.blocks[g] == b) {
      n->second.blocks[g] = TK_NO_BLOCK;
      const auto& left = n->second.blocks;
      if (std::all_of(left.begin(), left.end(), [](std::uint32_t x) { return x == TK_NO_BLOCK; })) nodes_.erase(n);
    }
    owner_[g].erase(it);
    free_[g].insert(b);
    return true;
  }

  cache_policy_instance& policy_;
  std::mt19937_64 random_;
  std::uint32_t block_size_, n_groups_;
  std::map<tokens_t, node> nodes_;
  std::vector<std::set<std::uint32_t>> free_;                         ///< per group: what the policy does not own
  std::vector<std::map<std::uint32_t, tokens_t>> owner_{
      free_.size()}; ///< per group: what it owns, and for which tokens
  std::string fault_;
};

outcome check_account(const subject& s, std::uint32_t block_size, std::uint32_t n_groups, std::uint64_t seed) {
  auto policy = cache_policy_instance::create(s.plugins, s.use, s.settings(), block_size, n_groups);
  if (!policy) return broken(policy.error().message);
  account a(*policy, seed, 40);
  for (int i = 0; i < 4000; ++i)
    if (!a.step())
      return broken(fmt::format("blocks of {} tokens, {} groups, seed {}, operation {}: {}", block_size, n_groups, seed,
                                i, a.fault()));
  if (!a.empty_out())
    return broken(
        fmt::format("blocks of {} tokens, {} groups, seed {}, at the end: {}", block_size, n_groups, seed, a.fault()));
  return passed();
}

} // namespace

void check_cache_policy(checks& c, const subject& s) {
  auto made = cache_policy_instance::create(s.plugins, s.use, s.settings(), 32, 1);
  c.run("is created", [&] { return made ? passed() : broken(made.error().message); });
  if (!made) return;
  c.run("is empty at first", [&] {
    std::vector<std::uint32_t> found(4);
    const tokens_t tokens(128, 1);
    if (made->lookup(1, tokens, found)) return broken("found something before anything was inserted");
    made->unpin(1);
    made->unpin(99);
    return made->cached_nodes() || made->evictable(0) ? broken("counts nodes or blocks before anything was inserted")
                                                      : passed();
  });
  c.run("finds what it was given, owns no block twice and gives up no pinned one", [&] {
    for (std::uint32_t i = 0; i < 6; ++i)
      if (auto o = check_account(s, 1 + i % 3, 1, s.seed + i); !o.passed) return o;
    return passed();
  });
  c.run("does so with several cache groups", [&] {
    for (std::uint32_t i = 0; i < 6; ++i)
      if (auto o = check_account(s, 1 + i % 3, 2 + i % 2, s.seed + i); !o.passed) return o;
    return passed();
  });
}

} // namespace tokamak::plugin::conformance
