// The tree's lookup, insertion and pinning; what may be evicted is kept up to date on the way.
#include "block_tree.hpp"

#include <algorithm>

namespace tokamak::radix {

block_tree::block_tree(std::uint32_t block_size, std::uint32_t n_groups, std::size_t max_nodes)
    : block_size_(block_size), n_groups_(n_groups), max_nodes_(max_nodes), nodes_(1), tokens_(block_size),
      blocks_(n_groups, no_block), evictable_(n_groups), surplus_(n_groups) {}

std::uint64_t block_tree::hash_of(node_id parent, const std::int32_t* tokens) const {
  // The finaliser of MurmurHash3 over a running sum; equality is checked on the tokens themselves.
  std::uint64_t h = parent + 0x9e3779b97f4a7c15u;
  for (std::uint32_t i = 0; i < block_size_; ++i) {
    h ^= static_cast<std::uint32_t>(tokens[i]);
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
  }
  return h;
}

block_tree::node_id block_tree::child(node_id parent, const std::int32_t* tokens) const {
  const auto [first, last] = index_.equal_range(hash_of(parent, tokens));
  for (auto it = first; it != last; ++it) {
    const auto* known = &tokens_[std::size_t{it->second} * block_size_];
    if (nodes_[it->second].parent == parent && std::equal(known, known + block_size_, tokens)) return it->second;
  }
  return nowhere;
}

/// Adds (or takes away) the node's blocks to those that could be evicted.
void block_tree::count(node_id n, bool evictable) {
  for (std::uint32_t g = 0; g < n_groups_; ++g)
    if (blocks_of(n)[g] != no_block) evictable_[g] += evictable ? 1 : -1;
}

void block_tree::touch(node_id n) {
  if (is_free_leaf(n)) {
    leaves_.erase({nodes_[n].used, n});
    leaves_.emplace(tick_, n);
  }
  nodes_[n].used = tick_;
}

void block_tree::pin(std::uint64_t sequence, node_id n, std::size_t depth) {
  if (!sequence) return;
  auto& mine = pins_[sequence];
  // Pins are whole paths, so a node of this depth can be among them only if there are more than `depth`; and a
  // sequence mostly walks the path that it walked before, so there it stands at its depth.
  if (depth < mine.size() && (mine[depth] == n || std::find(mine.begin(), mine.end(), n) != mine.end())) return;
  mine.push_back(n);
  if (is_free_leaf(n)) leaves_.erase({nodes_[n].used, n});
  if (nodes_[n].pins++ == 0) count(n, false);
}

void block_tree::unpin(std::uint64_t sequence) {
  const auto found = pins_.find(sequence);
  if (found == pins_.end()) return;
  for (node_id n : found->second) {
    if (--nodes_[n].pins) continue;
    count(n, true);
    if (is_free_leaf(n)) leaves_.emplace(nodes_[n].used, n);
  }
  pins_.erase(found);
}

std::size_t block_tree::lookup(std::uint64_t sequence, std::span<const std::int32_t> tokens,
                               std::span<std::uint32_t> blocks) {
  ++tick_;
  const std::size_t most = std::min(tokens.size() / block_size_, blocks.size() / n_groups_);
  node_id at = root;
  std::size_t depth = 0;
  for (; depth < most; ++depth) {
    const node_id next = child(at, &tokens[depth * block_size_]);
    if (next == nowhere) break;
    touch(next);
    pin(sequence, next, depth);
    std::copy_n(blocks_of(next), n_groups_, &blocks[depth * n_groups_]);
    at = next;
  }
  return depth;
}

/// Fills the node's gaps from `blocks` and says which of them the tree owns now.
void block_tree::adopt(node_id n, const std::uint32_t* blocks, std::uint8_t* taken) {
  for (std::uint32_t g = 0; g < n_groups_; ++g) {
    if (blocks[g] == no_block) continue;
    auto& mine = blocks_of(n)[g];
    if (mine == no_block) {
      mine = blocks[g];
      if (!nodes_[n].pins) ++evictable_[g];
    }
    taken[g] = mine == blocks[g];
  }
}

/// Room for one more node under max_nodes: drops the least recently used leaf, but not `but`, the parent to be. Its
/// blocks wait in surplus_, for only evict may give blocks back.
bool block_tree::make_place(node_id but) {
  if (!max_nodes_ || n_nodes_ < max_nodes_) return true;
  for (const auto& [used, n] : leaves_) {
    if (n == but) continue;
    remove(node_id{n}, [this](std::uint32_t g, std::uint32_t block) { surplus_[g].push_back(block); });
    return true;
  }
  return false;
}

block_tree::node_id block_tree::add(node_id parent, const std::int32_t* tokens, const std::uint32_t* blocks) {
  node_id n = static_cast<node_id>(nodes_.size());
  if (!unused_.empty()) {
    n = unused_.back();
    unused_.pop_back();
  } else {
    nodes_.emplace_back();
    tokens_.resize(nodes_.size() * block_size_);
    blocks_.resize(nodes_.size() * n_groups_, no_block);
  }
  if (is_free_leaf(parent)) leaves_.erase({nodes_[parent].used, parent});
  ++nodes_[parent].children;
  nodes_[n] = {parent, 0, 0, hash_of(parent, tokens), tick_};
  std::copy_n(tokens, block_size_, &tokens_[std::size_t{n} * block_size_]);
  std::copy_n(blocks, n_groups_, blocks_of(n));
  index_.emplace(nodes_[n].hash, n);
  leaves_.emplace(tick_, n);
  count(n, true);
  ++n_nodes_;
  return n;
}

void block_tree::insert(std::uint64_t sequence, std::span<const std::int32_t> tokens,
                        std::span<const std::uint32_t> blocks, std::span<std::uint8_t> taken) {
  ++tick_;
  node_id at = root;
  const std::size_t n_nodes = blocks.size() / n_groups_;
  for (std::size_t depth = 0; depth < n_nodes; ++depth) {
    const std::int32_t* words = &tokens[depth * block_size_];
    const std::uint32_t* offered = &blocks[depth * n_groups_];
    node_id next = child(at, words);
    if (next == nowhere) {
      const bool any = std::any_of(offered, offered + n_groups_, [](std::uint32_t b) { return b != no_block; });
      if (!any || !make_place(at)) return;
      next = add(at, words, offered);
    }
    touch(next);
    pin(sequence, next, depth);
    adopt(next, offered, &taken[depth * n_groups_]);
    at = next;
  }
}

/// Frees the node's place and lets its parent become a leaf.
void block_tree::unlink(node_id n) {
  const auto [first, last] = index_.equal_range(nodes_[n].hash);
  index_.erase(std::find_if(first, last, [n](const auto& entry) { return entry.second == n; }));
  const node_id parent = nodes_[n].parent;
  --nodes_[parent].children;
  if (is_free_leaf(parent)) leaves_.emplace(nodes_[parent].used, parent);
  unused_.push_back(n);
  --n_nodes_;
}

} // namespace tokamak::radix
