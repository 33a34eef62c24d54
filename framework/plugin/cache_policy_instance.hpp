// A cache policy plugin in use: the index of computed blocks of one engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "plugin/instance.hpp"

namespace tokamak::plugin {

class cache_policy_instance : public instance<tk_cache_policy> {
 public:
  /// `block_size` in tokens, the same for all `n_groups` cache groups; both at least 1.
  static expected<cache_policy_instance> create(const registry& from, const plugin_use& use, host_settings settings,
                                                std::uint32_t block_size, std::uint32_t n_groups);

  std::uint32_t block_size() const { return block_size_; }
  std::uint32_t n_groups() const { return n_groups_; }

  /// Longest cached chain of blocks at the start of `tokens`, written as [nodes][n_groups] into `blocks` (as many nodes
  /// as fit) and pinned for `sequence`. Returns the number of nodes. Allocates nothing here.
  std::size_t lookup(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<std::uint32_t> blocks) {
    return table().lookup(self(), sequence, tokens.data(), tokens.size(), blocks.data(), blocks.size() / n_groups_);
  }
  /// Ends all pins of a sequence.
  void unpin(std::uint64_t sequence) { table().unpin(self(), sequence); }

  /// Offers complete blocks [nodes][n_groups] of the tokens' start; `tokens` has at least nodes * block_size elements.
  /// taken[i] becomes 1 where the policy owns blocks[i] afterwards, 0 where the caller keeps it. The nodes are pinned
  /// for `sequence` until unpin; sequence 0 pins nothing.
  void insert(std::uint64_t sequence, std::span<const std::int32_t> tokens, std::span<const std::uint32_t> blocks,
              std::span<std::uint8_t> taken) {
    table().insert(self(), sequence, tokens.data(), blocks.size() / n_groups_, blocks.data(), taken.data());
  }

  /// Gives up unpinned nodes until `wanted` blocks of `group` came free or none is left; calls give(group, block) for
  /// each block given up, of whichever group. Returns how many were of `group`. `give` must not throw.
  template <class Give>
  std::size_t evict(std::uint32_t group, std::size_t wanted, Give&& give) {
    using function = std::remove_reference_t<Give>;
    return table().evict(self(), group, wanted, const_cast<void*>(static_cast<const void*>(std::addressof(give))),
                         [](void* context, std::uint32_t g, std::uint32_t block) {
                           (*static_cast<function*>(context))(g, block);
                         });
  }

  std::uint64_t cached_nodes() const { return table().cached_nodes(self()); }
  /// Blocks of `group` that evict could give now.
  std::uint64_t evictable(std::uint32_t group) const { return table().evictable(self(), group); }

 private:
  cache_policy_instance(std::shared_ptr<core> c, std::uint32_t block_size, std::uint32_t n_groups)
      : instance(std::move(c)), block_size_(block_size), n_groups_(n_groups) {}

  std::uint32_t block_size_;
  std::uint32_t n_groups_;
};

} // namespace tokamak::plugin
