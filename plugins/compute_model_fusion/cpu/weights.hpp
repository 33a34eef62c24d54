// The weights of one program, each kept once in the form its ops want: packed for matmul, f32 for vectors, or as the
// host holds it for embeddings and third-party kernels.
#pragma once

#include "memory_account.hpp"
#include "op_view.hpp"
#include "tokamak/kernels/matmul.hpp"
#include "tokamak/kernels/thread_team.hpp"

#include <tokamak/sdk/host.hpp>

#include <map>
#include <set>
#include <span>
#include <string_view>
#include <vector>

namespace tokamak::cpu {

/// The kernels' format of a weight. REQUIRES: check_weight passed it.
kernels::weight_format format_of(const tk_value& weight);

/// Throws (through `op`) unless input `i` is a weight of `n_dims` dimensions in a known format whose rows divide into
/// blocks.
void check_weight(const op_view& op, std::uint32_t i, std::uint32_t n_dims);

class weights {
public:
  /// Keeps pointers into `given`'s data, not `given` itself.
  weights(sdk::host host, kernels::cpu_level level, kernels::thread_team& team, memory_account& account, const tk_graph_view& graph,
          std::span<const tk_weight> given);

  /// What the host gave for a value, checked to be as large as its shape says.
  const std::byte* raw(const tk_graph_view& graph, std::uint32_t value) const;
  /// Allocates memory for packing these weights [K, N], all in one piece for the sake of huge pages.
  void reserve(const tk_graph_view& graph, const std::set<std::uint32_t>& values);
  /// A weight [K, N] packed for matmul, on all threads at the first call. REQUIRES: reserved.
  const kernels::packed_matrix& packed(const tk_graph_view& graph, std::uint32_t value);
  /// The packed form if some op asked for it, else nullptr.
  const kernels::packed_matrix* find_packed(std::uint32_t value) const;
  /// Gives the host's pages of what was packed back. Now and then while much is packed, and at the end.
  void release_packed();
  /// A vector as f32, with `offset` added to each element.
  const float* vector(const tk_graph_view& graph, std::uint32_t value, double offset = 0);

private:
  sdk::host host_;
  kernels::cpu_level level_;
  kernels::thread_team& team_;
  memory_account& account_;
  std::map<std::uint32_t, std::pair<const std::byte*, std::uint64_t>> raw_;
  std::map<std::uint32_t, kernels::packed_matrix> packed_;
  std::map<std::pair<std::uint32_t, double>, std::vector<float>> vectors_;
  charge held_;
  kernels::aligned_buffer memory_; ///< of the packed weights
  std::size_t packed_bytes_ = 0;   ///< used of it
  std::vector<std::span<const std::byte>> to_release_; ///< packed, and still in the host's memory
  std::size_t to_release_bytes_ = 0;
};

} // namespace tokamak::cpu
