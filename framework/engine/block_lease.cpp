// Reference counting of leased blocks.
#include "engine/block_lease.hpp"

#include <cassert>
#include <utility>

namespace tokamak::engine {

block_lease::block_lease(std::span<const std::uint32_t> total) : groups_(total.size()) {
  for (std::size_t g = 0; g < total.size(); ++g) {
    groups_[g].refs.assign(total[g], 0);
    groups_[g].read_only.assign(total[g], 0);
    groups_[g].is_free.assign(total[g], 0);
  }
}

bool block_lease::grant(std::size_t group, std::uint32_t block) {
  auto& g = groups_[group];
  if (block >= g.refs.size() || g.is_free[block] || g.refs[block] != 0) return false;
  g.read_only[block] = 0;
  g.is_free[block] = 1;
  g.free.push_back(block);
  return true;
}

std::optional<std::uint32_t> block_lease::take(std::size_t group) {
  auto& g = groups_[group];
  if (g.free.empty()) return std::nullopt;
  const auto block = g.free.back();
  g.free.pop_back();
  g.is_free[block] = 0;
  g.refs[block] = 1;
  g.read_only[block] = 0;
  return block;
}

void block_lease::share(std::size_t group, std::uint32_t block) {
  assert(groups_[group].refs[block] > 0);
  ++groups_[group].refs[block];
}

bool block_lease::adopt(std::size_t group, std::uint32_t block) {
  auto& g = groups_[group];
  if (block >= g.refs.size() || g.is_free[block]) return false;
  ++g.refs[block];
  g.read_only[block] = 1;
  return true;
}

void block_lease::freeze(std::size_t group, std::uint32_t block) { groups_[group].read_only[block] = 1; }

void block_lease::drop(std::size_t group, std::uint32_t block) {
  auto& g = groups_[group];
  assert(g.refs[block] > 0);
  if (--g.refs[block] > 0) return;
  if (g.read_only[block]) {
    g.released.push_back(block);
    has_released_ = true;
  } else {
    g.is_free[block] = 1;
    g.free.push_back(block);
  }
}

bool block_lease::writable(std::size_t group, std::uint32_t block) const {
  const auto& g = groups_[group];
  return g.refs[block] == 1 && !g.read_only[block];
}

std::vector<std::vector<std::uint32_t>> block_lease::take_released() {
  std::vector<std::vector<std::uint32_t>> out(groups_.size());
  for (std::size_t g = 0; g < groups_.size(); ++g) out[g] = std::exchange(groups_[g].released, {});
  has_released_ = false;
  return out;
}

} // namespace tokamak::engine
