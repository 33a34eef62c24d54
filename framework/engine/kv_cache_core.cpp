// Ownership of blocks and what a prefix hit means for each kind of cache group.
#include "engine/kv_cache_core.hpp"

#include <algorithm>

namespace tokamak::engine {

kv_cache_core::kv_cache_core(std::vector<cache_group_config> groups, std::optional<plugin::cache_policy_instance> policy)
    : policy_(std::move(policy)) {
  for (const auto& config : groups) {
    group g{config, std::vector<holder>(config.n_blocks, holder::nobody), {}};
    for (auto block = config.n_blocks; block-- > 0;) g.free.push_back(block);
    groups_.push_back(std::move(g));
  }
}

// The first logical block that a sequence of nodes * block_size tokens still reads.
std::size_t kv_cache_core::first_needed(const group& g, std::size_t nodes) const {
  if (g.config.kind != TK_GROUP_SLIDING) return 0;
  const auto tokens = nodes * g.config.block_size;
  const auto oldest = tokens + 1 > g.config.window ? tokens + 1 - g.config.window : 0;
  return std::min(oldest / g.config.block_size, nodes);
}

// A hit is what all groups can serve.
std::size_t kv_cache_core::usable_nodes(std::span<const std::uint32_t> blocks, std::size_t nodes) const {
  const auto all_present = [&](std::size_t g, std::size_t first, std::size_t end) {
    for (auto node = first; node < end; ++node)
      if (blocks[node * groups_.size() + g] == TK_NO_BLOCK) return false;
    return true;
  };
  for (; nodes > 0; --nodes) {
    bool served = true;
    for (std::size_t g = 0; g < groups_.size() && served; ++g)
      served = groups_[g].config.kind != TK_GROUP_RECURRENT && all_present(g, first_needed(groups_[g], nodes), nodes);
    if (served) break;
  }
  return nodes;
}

// Up to `most` blocks of each group, pinned for `sequence`.
wire::CacheHitT kv_cache_core::find(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::size_t most) {
  wire::CacheHitT hit;
  hit.sequence = sequence;
  if (!policy_ || groups_.empty()) return hit;
  std::vector<std::uint32_t> blocks(std::max<std::size_t>(most, 1) * groups_.size());
  auto nodes = policy_->lookup(sequence, tokens, blocks);
  nodes = usable_nodes(blocks, std::min(nodes, most));
  if (nodes == 0) return hit;
  hit.tokens = static_cast<std::uint32_t>(nodes * policy_->block_size());
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    auto part = std::make_unique<wire::CacheHitGroupT>();
    const auto first = first_needed(groups_[g], nodes);
    part->first_block = static_cast<std::uint32_t>(first);
    for (auto node = first; node < nodes; ++node) part->blocks.push_back(blocks[node * groups_.size() + g]);
    hit.groups.push_back(std::move(part));
  }
  return hit;
}

wire::CacheHitT kv_cache_core::lookup(const wire::CacheLookup& m) {
  ++counts_.lookups;
  const auto tokens = m.tokens() ? std::span(m.tokens()->data(), m.tokens()->size()) : std::span<const std::int32_t>();
  // At least the last token is computed anew: its logits are wanted.
  auto hit = find(m.sequence(), tokens, tokens.empty() || !policy_ ? 0 : (tokens.size() - 1) / policy_->block_size());
  counts_.hits += hit.tokens > 0;
  counts_.hit_tokens += hit.tokens;
  return hit;
}

wire::CacheHitT kv_cache_core::cached(std::uint64_t pin, std::span<const std::int32_t> tokens) {
  return find(pin, tokens, policy_ ? tokens.size() / policy_->block_size() : 0);
}

// Free blocks, and what the policy gives up if there are too few. May be less than wanted.
std::vector<std::uint32_t> kv_cache_core::take(std::uint32_t g, std::size_t wanted, holder by) {
  auto& group = groups_[g];
  if (group.free.size() < wanted && policy_) {
    const auto give = [&](std::uint32_t of, std::uint32_t block) {
      if (of >= groups_.size() || block >= groups_[of].holders.size()) return;
      groups_[of].holders[block] = holder::nobody;
      groups_[of].free.push_back(block);
      ++counts_.evicted;
    };
    policy_->evict(g, wanted - group.free.size(), give);
  }
  std::vector<std::uint32_t> blocks;
  while (blocks.size() < wanted && !group.free.empty()) {
    blocks.push_back(group.free.back());
    group.holders[group.free.back()] = by;
    group.free.pop_back();
  }
  return blocks;
}

wire::LeaseGrantT kv_cache_core::lease(const wire::LeaseRequest& m) {
  wire::LeaseGrantT grant;
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    const std::size_t wanted = m.wanted() && g < m.wanted()->size() ? m.wanted()->Get(g) : 0;
    auto list = std::make_unique<wire::BlockListT>();
    list->blocks = take(g, wanted, holder::scheduler);
    if (list->blocks.size() < wanted) grant.exhausted = true;
    grant.groups.push_back(std::move(list));
    grant.available.push_back(static_cast<std::uint32_t>(groups_[g].free.size() + (policy_ ? policy_->evictable(g) : 0)));
  }
  return grant;
}

expected<std::vector<std::vector<std::uint32_t>>> kv_cache_core::reserve(std::span<const std::size_t> wanted) {
  if (!policy_) return fail(errc::unsupported, "this engine keeps no prefix cache");
  std::vector<std::vector<std::uint32_t>> blocks;
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    blocks.push_back(take(g, wanted[g], holder::transfer));
    if (blocks.back().size() == wanted[g]) continue;
    const auto found = blocks.back().size();
    give_back(blocks);
    return fail(errc::out_of_memory, fmt::format("{} free cache blocks found, {} needed", found, wanted[g]));
  }
  return blocks;
}

void kv_cache_core::give_back(const std::vector<std::vector<std::uint32_t>>& blocks) {
  for (std::size_t g = 0; g < blocks.size(); ++g)
    for (const auto block : blocks[g])
      if (auto& group = groups_[g]; group.holders[block] == holder::transfer) {
        group.holders[block] = holder::nobody;
        group.free.push_back(block);
      }
}

void kv_cache_core::insert(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<const std::uint32_t> blocks) {
  std::vector<std::uint8_t> taken(blocks.size(), 0);
  policy_->insert(sequence, tokens, blocks, taken);
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (taken[i] && blocks[i] != TK_NO_BLOCK) groups_[i % groups_.size()].holders[blocks[i]] = holder::policy;
}

std::uint32_t kv_cache_core::keep(std::span<const std::int32_t> tokens, std::span<const std::uint32_t> first_blocks,
                                  const std::vector<std::vector<std::uint32_t>>& filled) {
  const auto nodes = tokens.size() / policy_->block_size();
  std::vector<std::uint32_t> blocks(nodes * groups_.size(), TK_NO_BLOCK);
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < filled[g].size(); ++i) blocks[(first_blocks[g] + i) * groups_.size() + g] = filled[g][i];
  insert(0, tokens, blocks);
  give_back(filled);
  constexpr auto nobody = UINT64_MAX;
  const auto held = find(nobody, tokens, nodes).tokens;
  policy_->unpin(nobody);
  return held;
}

void kv_cache_core::commit(const wire::CacheCommit& m) {
  if (!policy_ || !m.tokens() || !m.groups() || m.groups()->size() != groups_.size()) return;
  const auto nodes = m.tokens()->size() / policy_->block_size();
  std::vector<std::uint32_t> blocks(nodes * groups_.size(), TK_NO_BLOCK);
  for (std::uint32_t g = 0; g < groups_.size(); ++g) {
    const auto* part = m.groups()->Get(g);
    for (std::uint32_t i = 0; part->blocks() && i < part->blocks()->size(); ++i) {
      const auto node = part->first_block() + i;
      const auto block = part->blocks()->Get(i);
      if (node < nodes && block < groups_[g].holders.size()) blocks[node * groups_.size() + g] = block;
    }
  }
  insert(m.sequence(), {m.tokens()->data(), m.tokens()->size()}, blocks);
  ++counts_.commits;
}

void kv_cache_core::unpin(const wire::Unpin& m) {
  if (policy_ && m.sequences())
    for (auto id : *m.sequences()) policy_->unpin(id);
}

void kv_cache_core::unpin(std::uint64_t pin) {
  if (policy_) policy_->unpin(pin);
}

void kv_cache_core::release(const wire::Release& m) {
  for (std::uint32_t g = 0; m.groups() && g < m.groups()->size() && g < groups_.size(); ++g)
    if (const auto* blocks = m.groups()->Get(g)->blocks())
      for (auto block : *blocks) {
        auto& group = groups_[g];
        if (block >= group.holders.size() || group.holders[block] != holder::scheduler) continue; // the cache kept it
        group.holders[block] = holder::nobody;
        group.free.push_back(block);
      }
}

} // namespace tokamak::engine
