// A tree of token blocks: the path from the root to a node spells a prefix, the node holds the cache blocks of its
// last block_size tokens. The idea is RadixAttention's (Zheng et al., SGLang, 2023), with edges of fixed length,
// because only whole blocks can be shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tokamak::radix {

/// Arrays of blocks are [nodes][n_groups], with no_block where a group has none. Invariants: a pinned node's ancestors
/// are pinned; every node has a block in at least one group.
class block_tree {
 public:
  static constexpr std::uint32_t no_block = 0xffffffffu;

  /// max_nodes: 0 is no limit.
  block_tree(std::uint32_t block_size, std::uint32_t n_groups, std::size_t max_nodes);

  /// Longest chain of nodes at the start of `tokens` that fits into `blocks`; pins it for `sequence`, unless that is 0.
  std::size_t lookup(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<std::uint32_t> blocks);
  void unpin(std::uint64_t sequence);
  /// taken[i] becomes 1 where the tree owns blocks[i] afterwards; the other flags are left alone.
  void insert(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<const std::uint32_t> blocks,
              std::span<std::uint8_t> taken);
  /// Removes unpinned leaves, least recently used first, until `wanted` blocks of `group` were given or no more of that
  /// group can be. give(group, block).
  template <class Give>
  std::size_t evict(std::uint32_t group, std::size_t wanted, const Give& give) {
    std::size_t given = 0;
    const auto note = [&](std::uint32_t g, std::uint32_t block) {
      give(g, block);
      given += g == group;
    };
    auto& spare = surplus_[group];
    for (; !spare.empty() && given < wanted; spare.pop_back()) note(group, spare.back());
    while (given < wanted && evictable_[group] > 0) remove(leaves_.begin()->second, note);
    return given;
  }

  std::size_t size() const { return n_nodes_; }
  std::uint64_t evictable(std::uint32_t group) const { return evictable_[group] + surplus_[group].size(); }

 private:
  using node_id = std::uint32_t;
  static constexpr node_id root = 0;
  static constexpr node_id nowhere = 0xffffffffu;

  struct node {
    node_id parent = root;
    std::uint32_t children = 0;
    std::uint32_t pins = 0;
    std::uint64_t hash = 0;      ///< of parent and tokens: the key in index_
    std::uint64_t used = 0;      ///< tick of the last use
  };

  std::uint64_t hash_of(node_id parent, const std::int32_t* tokens) const;
  node_id child(node_id parent, const std::int32_t* tokens) const;
  node_id add(node_id parent, const std::int32_t* tokens, const std::uint32_t* blocks);
  bool make_place(node_id but);
  void adopt(node_id n, const std::uint32_t* blocks, std::uint8_t* taken);
  void touch(node_id n);
  void pin(std::uint64_t sequence, node_id n, std::size_t depth);
  void count(node_id n, bool evictable);
  bool is_free_leaf(node_id n) const { return n != root && !nodes_[n].children && !nodes_[n].pins; }
  std::uint32_t* blocks_of(node_id n) { return &blocks_[std::size_t{n} * n_groups_]; }

  /// Takes an unpinned leaf out of the tree; note(group, block) gets its blocks.
  template <class Note>
  void remove(node_id n, const Note& note) {
    count(n, false);
    leaves_.erase({nodes_[n].used, n});
    for (std::uint32_t g = 0; g < n_groups_; ++g)
      if (const std::uint32_t block = std::exchange(blocks_of(n)[g], no_block); block != no_block) note(g, block);
    unlink(n);
  }
  void unlink(node_id n);

  std::uint32_t block_size_;
  std::uint32_t n_groups_;
  std::size_t max_nodes_;
  std::size_t n_nodes_ = 0;
  std::uint64_t tick_ = 0;
  std::vector<node> nodes_;                ///< [0] is the root
  std::vector<std::int32_t> tokens_;       ///< [nodes][block_size]
  std::vector<std::uint32_t> blocks_;      ///< [nodes][n_groups]
  std::vector<node_id> unused_;            ///< places in nodes_
  std::unordered_multimap<std::uint64_t, node_id> index_;
  std::set<std::pair<std::uint64_t, node_id>> leaves_; ///< unpinned leaves by last use
  std::unordered_map<std::uint64_t, std::vector<node_id>> pins_;
  std::vector<std::uint64_t> evictable_;   ///< per group: blocks of unpinned nodes
  std::vector<std::vector<std::uint32_t>> surplus_; ///< per group: blocks of nodes dropped for max_nodes, given first
};

} // namespace tokamak::radix
