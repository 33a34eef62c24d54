// Sizing of cache groups. All paged groups get the same number of blocks: a sequence uses them in step (sliding groups
// give theirs back behind the window).
#include "engine/memory_plan.hpp"

#include "model/tensor_type.hpp"

#include <algorithm>
#include <fstream>
#include <string>

namespace tokamak::engine {

std::uint64_t block_bytes(const graph_cache_group& g) {
  if (g.kind == TK_GROUP_RECURRENT) return std::uint64_t{g.n_layers} * g.state_width * sizeof(float);
  const std::uint64_t element = g.format == TK_F32 ? 4 : 2;
  return std::uint64_t{g.n_layers} * g.block_size * (std::uint64_t{g.k_width} + g.v_width) * element;
}

std::uint64_t weight_bytes(const graph& g) {
  std::uint64_t sum = 0;
  for (const auto& value : g.values())
    if (value.kind == TK_WEIGHT) sum += bytes_of(static_cast<tensor_type>(value.format), value.dims).value_or(0);
  return sum;
}

expected<memory_plan> plan_memory(const std::vector<graph_cache_group>& groups, const memory_request& r) {
  memory_plan plan;
  std::uint64_t set_bytes = 0;   // one block of every paged group
  std::uint32_t block_size = 0;
  for (const auto& g : groups) {
    if (g.kind == TK_GROUP_RECURRENT) {
      // A slot for each running sequence, and as many for forks.
      plan.n_blocks.push_back(2 * r.max_sequences);
      plan.bytes += 2 * r.max_sequences * block_bytes(g);
      continue;
    }
    plan.n_blocks.push_back(0);
    set_bytes += block_bytes(g);
    block_size = std::max(block_size, g.block_size);
  }
  if (set_bytes == 0) return plan;
  const std::uint64_t one_sequence = (r.context_length + block_size - 1) / block_size;
  auto sets = r.kv_memory_bytes / set_bytes;
  if (r.kv_memory_bytes == 0) sets = std::max(one_sequence, std::min(4 * one_sequence, r.available_bytes / 4 / set_bytes));
  if (sets == 0)
    return fail(errc::out_of_memory, fmt::format("kv_memory of {} bytes is less than one block of {} tokens, {} bytes",
                                                 r.kv_memory_bytes, block_size, set_bytes));
  sets = std::min<std::uint64_t>(sets, std::uint64_t{one_sequence} * 4096);
  for (std::size_t i = 0; i < groups.size(); ++i)
    if (groups[i].kind != TK_GROUP_RECURRENT) plan.n_blocks[i] = static_cast<std::uint32_t>(std::min<std::uint64_t>(sets, UINT32_MAX - 1));
  plan.bytes += sets * set_bytes;
  return plan;
}

std::uint64_t available_memory_bytes() {
  std::uint64_t bytes = 0;
  std::ifstream info("/proc/meminfo");
  for (std::string key; info >> key;) {
    if (key == "MemAvailable:") {
      info >> bytes;
      bytes *= 1024;
      break;
    }
    info.ignore(256, '\n');
  }
  std::uint64_t limit = 0;
  if (std::ifstream cgroup("/sys/fs/cgroup/memory.max"); cgroup >> limit) bytes = std::min(bytes, limit);
  return bytes;
}

} // namespace tokamak::engine
