// The state that sequences keep between steps, in the plainest layout: per layer [block][offset][width].
#pragma once

#include "null_backend/memory.hpp"

#include <span>
#include <string>
#include <vector>

namespace tokamak::test {

/// Fresh memory holds NaN everywhere, so that a slot or state read before it was written shows in the results.
class paged_cache {
public:
  struct group {
    std::string name;
    tk_group_kind kind;
    std::uint32_t n_layers, n_blocks, block_size, window, k_width, v_width, state_width;
    tk_format format;
    std::vector<std::vector<std::byte>> k, v; ///< [n_layers], K and V in the group's format
    std::vector<std::vector<float>> states;   ///< [n_layers] of [slot][state_width]
  };

  /// Refuses groups that no backend could hold.
  paged_cache(std::span<const tk_cache_group> groups, const std::uint32_t* n_blocks);

  const std::vector<group>& groups() const { return groups_; }
  std::uint64_t bytes() const;

  /// One token of a paged group's layer. Indices are in range (check_step).
  void write_kv(std::uint32_t g, std::uint32_t layer, std::uint32_t block, std::uint32_t offset, const float* k,
                const float* v);
  std::vector<float> read_k(std::uint32_t g, std::uint32_t layer, std::uint32_t block, std::uint32_t offset) const;
  std::vector<float> read_v(std::uint32_t g, std::uint32_t layer, std::uint32_t block, std::uint32_t offset) const;
  /// [state_width] of a recurrent group's layer.
  float* state(std::uint32_t g, std::uint32_t layer, std::uint32_t slot);

  /// REQUIRES: check_cache_op found it in range.
  void apply(const tk_cache_op& op);

private:
  void copy(group& g, const tk_cache_op& op);
  template <class Move>
  void walk(group& g, const tk_cache_op& op, std::uint32_t block, std::uint32_t offset, Move move);

  std::vector<group> groups_;
};

/// Bytes that `count` tokens (or one state slot) of a group take in exported form.
std::uint64_t exported_bytes(const paged_cache::group& g, std::uint32_t count);

} // namespace tokamak::test
