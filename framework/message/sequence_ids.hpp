// Ids for requests and sequences: unique within a node's lifetime, and across nodes by the node's number on top.
#pragma once

#include <atomic>
#include <cstdint>

namespace tokamak {

/// node (16 bits) << 48 | count. Any thread.
class sequence_ids {
public:
  /// `first`: where a node begins that others may remember from before its restart.
  explicit sequence_ids(std::uint16_t node = 0, std::uint64_t first = 1) : base_(std::uint64_t{node} << 48), count_(first) {}
  std::uint64_t next() { return base_ | (count_.fetch_add(1, std::memory_order_relaxed) & ((std::uint64_t{1} << 48) - 1)); }

private:
  std::uint64_t base_;
  std::atomic<std::uint64_t> count_;
};

} // namespace tokamak
