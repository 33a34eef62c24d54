// The block index of one engine without its actor: who owns each block, and what a cache policy may give up.
// Answers the scheduler's questions of schemas/cache.fbs; pure and single-threaded.
#pragma once

#include "engine/scheduler_core.hpp"
#include "plugin/cache_policy_instance.hpp"

namespace tokamak::engine {

class kv_cache_core {
public:
  /// `policy` may be empty: then nothing is kept and blocks are only lent. Block sizes of all paged groups are equal
  /// where a policy is used.
  kv_cache_core(std::vector<cache_group_config> groups, std::optional<plugin::cache_policy_instance> policy);

  wire::CacheHitT lookup(const wire::CacheLookup& message);
  wire::LeaseGrantT lease(const wire::LeaseRequest& message);
  void commit(const wire::CacheCommit& message);
  void unpin(const wire::Unpin& message);
  void release(const wire::Release& message);

  // Transfers (cache_transfers.hpp).
  /// Complete blocks cached of these tokens' beginning, pinned under `pin` until unpin.
  wire::CacheHitT cached(std::uint64_t pin, std::span<const std::int32_t> tokens);
  void unpin(std::uint64_t pin);
  /// Free blocks for a transfer to fill: wanted[g] of group g. Errors: unsupported (nothing is cached here),
  /// out_of_memory (nothing is held then).
  expected<std::vector<std::vector<std::uint32_t>>> reserve(std::span<const std::size_t> wanted);
  /// Offers filled blocks to the policy; what it does not take is free again. Tokens that are cached then.
  std::uint32_t keep(std::span<const std::int32_t> tokens, std::span<const std::uint32_t> first_blocks,
                     const std::vector<std::vector<std::uint32_t>>& blocks);
  void give_back(const std::vector<std::vector<std::uint32_t>>& blocks);
  std::size_t n_groups() const { return groups_.size(); }
  std::uint32_t block_size() const { return policy_ ? policy_->block_size() : 0; }
  /// The first logical block that a group needs for a prefix of that many blocks.
  std::size_t first_block(std::size_t group, std::size_t blocks) const { return first_needed(groups_[group], blocks); }

  std::size_t free(std::size_t group) const { return groups_[group].free.size(); }
  std::uint64_t cached_nodes() const { return policy_ ? policy_->cached_nodes() : 0; }
  struct counters {
    std::uint64_t lookups = 0, hits = 0, hit_tokens = 0, commits = 0, evicted = 0;
  };
  const counters& counts() const { return counts_; }

private:
  enum class holder : std::uint8_t { nobody, scheduler, policy, transfer };
  struct group {
    cache_group_config config;
    std::vector<holder> holders;
    std::vector<std::uint32_t> free;
  };
  wire::CacheHitT find(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::size_t most);
  std::vector<std::uint32_t> take(std::uint32_t group, std::size_t wanted, holder by);
  void insert(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<const std::uint32_t> blocks);
  std::size_t usable_nodes(std::span<const std::uint32_t> blocks, std::size_t nodes) const;
  std::size_t first_needed(const group& g, std::size_t nodes) const;

  std::vector<group> groups_;
  std::optional<plugin::cache_policy_instance> policy_;
  counters counts_;
};

} // namespace tokamak::engine
