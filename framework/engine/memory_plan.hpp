// How many cache blocks an engine gets: from what was asked for, or from the model's size and free memory.
#pragma once

#include "base/error.hpp"
#include "model/graph/graph.hpp"

#include <cstdint>
#include <vector>

namespace tokamak::engine {

struct memory_request {
  std::uint64_t kv_memory_bytes = 0;  ///< 0: automatic
  std::uint32_t context_length = 0;   ///< tokens of one sequence
  std::uint32_t max_sequences = 0;    ///< of one step
  std::uint64_t available_bytes = 0;  ///< of this machine, for the automatic choice
};

struct memory_plan {
  std::vector<std::uint32_t> n_blocks; ///< per cache group
  std::uint64_t bytes = 0;
};

/// Bytes of one block (of one state slot) of a group.
std::uint64_t block_bytes(const graph_cache_group& group);

/// Bytes of a graph's weights, as the file has them.
std::uint64_t weight_bytes(const graph& g);

/// Automatic: room for four sequences of full context, at most a quarter of the available memory, at least one sequence.
/// Errors: out_of_memory if the stated memory holds not even one block a group.
expected<memory_plan> plan_memory(const std::vector<graph_cache_group>& groups, const memory_request& request);

/// Memory that this process could take now, in bytes (MemAvailable, or the cgroup's limit if lower).
std::uint64_t available_memory_bytes();

} // namespace tokamak::engine
