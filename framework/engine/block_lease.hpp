// The scheduler's share of an engine's cache blocks: which are free, who reads which, which may be written.
// Allocation is synchronous and never asks another actor (CONTRACTS.md, "Blocks and leases").
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tokamak::engine {

/// Reference counts over the physical blocks of all cache groups. A block is writable while one sequence holds it
/// and neither a cache hit nor a commit made it read-only. One thread.
class block_lease {
public:
  /// total[g]: physical blocks of group g. Nothing is leased yet.
  explicit block_lease(std::span<const std::uint32_t> total);

  std::size_t n_groups() const { return groups_.size(); }
  std::size_t free(std::size_t group) const { return groups_[group].free.size(); }
  std::size_t total(std::size_t group) const { return groups_[group].refs.size(); }
  /// Of them, how many someone holds. Looks at all of them.
  std::size_t held(std::size_t group) const { return total(group) - static_cast<std::size_t>(std::count(groups_[group].refs.begin(), groups_[group].refs.end(), 0u)); }

  /// Adds free blocks. Numbers out of range or already leased are ignored (false).
  bool grant(std::size_t group, std::uint32_t block);

  /// A free block, now held once; nullopt if none is left.
  std::optional<std::uint32_t> take(std::size_t group);

  /// One more holder of a block that someone holds already.
  void share(std::size_t group, std::uint32_t block);

  /// Holds a block of a cache hit: read-only. False if the number is out of range.
  bool adopt(std::size_t group, std::uint32_t block);

  /// From now on nobody writes it: it was offered to the cache.
  void freeze(std::size_t group, std::uint32_t block);

  /// One holder less. At zero a writable block is free again; a read-only one goes to released().
  void drop(std::size_t group, std::uint32_t block);

  bool writable(std::size_t group, std::uint32_t block) const;
  std::uint32_t holders(std::size_t group, std::uint32_t block) const { return groups_[group].refs[block]; }

  /// Read-only blocks without holders since the last call, per group: to be sent to the cache as Release.
  std::vector<std::vector<std::uint32_t>> take_released();
  bool has_released() const { return has_released_; }

private:
  struct group {
    std::vector<std::uint32_t> free;
    std::vector<std::uint32_t> refs;
    std::vector<std::uint8_t> read_only;
    std::vector<std::uint8_t> is_free;
    std::vector<std::uint32_t> released;
  };
  std::vector<group> groups_;
  bool has_released_ = false;
};

} // namespace tokamak::engine
