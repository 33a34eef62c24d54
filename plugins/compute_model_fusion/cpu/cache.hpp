// The physical blocks of all cache groups: paged K and V, and recurrent state slots. Which sequence owns which block is
// the host's business; blocks may be named in any order by any step.
#pragma once

#include "memory_account.hpp"
#include "tokamak/kernels/aligned_buffer.hpp"
#include "tokamak/kernels/kv_block.hpp"

#include <tokamak/plugin.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tokamak::cpu {

class cache {
public:
  /// Throws sdk::failure: a group this backend cannot hold, or no memory.
  cache(memory_account& account, std::span<const tk_cache_group> groups, std::span<const std::uint32_t> n_blocks);

  std::size_t n_groups() const { return groups_.size(); }
  const tk_cache_group& group(std::size_t g) const { return groups_[g].about; } ///< its name is empty
  const std::string& name(std::size_t g) const { return groups_[g].name; }
  std::uint32_t n_blocks(std::size_t g) const { return groups_[g].n_blocks; }

  /// Blocks of one layer of a paged group.
  kernels::kv_layer layer(std::size_t g, std::uint32_t layer) const;
  /// State of one layer in a slot of a recurrent group: state_width floats.
  float* state(std::size_t g, std::uint32_t layer, std::uint32_t slot) const;

  /// Throws sdk::failure if the op names what does not exist. Pure.
  void check(const tk_cache_op& op) const;
  /// Carries out an op that check() accepted.
  void run(const tk_cache_op& op) const;

private:
  struct held_group {
    tk_cache_group about{};
    std::string name;
    std::uint32_t n_blocks = 0;
    kernels::kv_shape shape; ///< paged groups
    std::size_t block_bytes = 0; ///< of one layer
    charge held;
    kernels::aligned_buffer memory; ///< [block][layer]: as much of it is resident as blocks have been used
  };

  std::byte* block(const held_group& g, std::uint32_t layer, std::uint32_t block) const;
  kernels::kv_layer layer_of(const held_group& g, std::uint32_t layer) const;
  std::uint64_t exported_bytes(const held_group& g, std::uint32_t count) const;
  void copy(const held_group& g, const tk_cache_op& op) const;
  void move_out(const held_group& g, const tk_cache_op& op, std::byte* to) const;
  void move_in(const held_group& g, const tk_cache_op& op, const std::byte* from) const;

  std::vector<held_group> groups_;
};

} // namespace tokamak::cpu
