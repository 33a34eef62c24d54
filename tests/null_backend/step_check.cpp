// The rules of a step (sdk/plugin/tokamak/plugin.h, framework/CONTRACTS.md), one function a part.
#include "null_backend/step_check.hpp"

#include <set>
#include <tuple>

namespace tokamak::test {

namespace {

void check_rows(const tk_step& step, const std::vector<std::uint32_t>& sequence_of) {
  for (std::uint32_t r = 0; r < step.n_rows; ++r) {
    if (step.tokens[r] < 0 && step.embeddings == nullptr)
      refuse("row {} takes embedding {}, but the step has none", r, -1 - step.tokens[r]);
    if (step.parents == nullptr || step.parents[r] < 0)
      continue;
    const auto parent = static_cast<std::uint32_t>(step.parents[r]);
    if (parent >= r || sequence_of[parent] != sequence_of[r])
      refuse("row {} continues row {}, expected an earlier row of its sequence", r, parent);
  }
  for (std::uint32_t o = 0; o < step.n_outputs; ++o)
    if (step.output_rows[o] >= step.n_rows || (o > 0 && step.output_rows[o] <= step.output_rows[o - 1]))
      refuse("output row {} is {}, expected ascending rows below {}", o, step.output_rows[o], step.n_rows);
}

/// Slots of sequence s that this step reads or writes are in its table.
void check_table(const paged_cache::group& g, const tk_step_group& view, const tk_step& step, std::uint32_t s) {
  const auto begin = view.table_begin[s], end = view.table_begin[s + 1];
  const std::uint64_t context = view.context[s];
  const std::uint64_t slots = context + step.sequences[s].row_count;
  const auto id = step.sequences[s].id;
  if (end < begin)
    refuse("the table of sequence {} in cache group '{}' ends before it begins", id, g.name);
  for (auto i = begin; i < end; ++i)
    if (view.tables[i] >= g.n_blocks)
      refuse("sequence {} names block {} of cache group '{}', which has {}", id, view.tables[i], g.name, g.n_blocks);
  if (g.kind == TK_GROUP_RECURRENT) {
    if (end == begin)
      refuse("sequence {} has no state slot in cache group '{}'", id, g.name);
    return;
  }
  const std::uint64_t first = std::uint64_t{view.first_block[s]} * g.block_size;
  const std::uint64_t needed =
      g.kind == TK_GROUP_SLIDING && context + 1 > g.window ? context + 1 - g.window : 0;
  if (first > needed)
    refuse("the table of sequence {} in cache group '{}' begins at slot {}, but slot {} is needed", id, g.name, first,
           needed);
  if (first + std::uint64_t{end - begin} * g.block_size < slots)
    refuse("the table of sequence {} in cache group '{}' ends at slot {}, but {} are needed", id, g.name,
           first + std::uint64_t{end - begin} * g.block_size, slots);
}

/// No slot is written twice in a step, whichever rows or sequences do it.
void check_writes(const paged_cache::group& g, const tk_step_group& view, const tk_step& step) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> written;
  for (std::uint32_t s = 0; s < step.n_sequences; ++s) {
    const bool recurrent = g.kind == TK_GROUP_RECURRENT;
    for (std::uint32_t i = 0; i < (recurrent ? 1 : step.sequences[s].row_count); ++i) {
      const auto slot = recurrent ? 0 : view.context[s] + i;
      const auto block = view.tables[view.table_begin[s] + slot / g.block_size - (recurrent ? 0 : view.first_block[s])];
      if (!written.insert({block, slot % g.block_size}).second)
        refuse("block {} offset {} of cache group '{}' is written twice, again by sequence {}", block,
               slot % g.block_size, g.name, step.sequences[s].id);
    }
  }
}

void check_cache_op(const paged_cache& cache, const tk_cache_op& op) {
  if (op.group >= cache.groups().size())
    refuse("a cache op names group {} of {}", op.group, cache.groups().size());
  const auto& g = cache.groups()[op.group];
  const bool recurrent = g.kind == TK_GROUP_RECURRENT;
  const auto range = [&](std::uint32_t block, std::uint32_t offset) {
    if (block >= g.n_blocks)
      refuse("a cache op names block {} of cache group '{}', which has {}", block, g.name, g.n_blocks);
    if (!recurrent && (offset > g.block_size || op.count > g.block_size - offset))
      refuse("a cache op names {} tokens from {} of a block of {}", op.count, offset, g.block_size);
  };
  if (op.kind > TK_CACHE_IMPORT)
    refuse("a cache op has kind {}", op.kind);
  if (op.kind == TK_CACHE_CLEAR && !recurrent)
    refuse("cache group '{}' is paged: only state slots are cleared", g.name);
  if (op.kind == TK_CACHE_COPY || op.kind == TK_CACHE_EXPORT)
    range(op.src_block, op.src_offset);
  if (op.kind != TK_CACHE_EXPORT)
    range(op.dst_block, op.dst_offset);
  if (op.kind == TK_CACHE_EXPORT || op.kind == TK_CACHE_IMPORT) {
    if (op.buffer == nullptr)
      refuse("an export or import has no buffer");
    static_cast<memory*>(op.buffer)->check(op.buffer_offset, exported_bytes(g, op.count));
  }
}

void check_bindings(const program& p, const tk_step& step) {
  std::set<std::uint32_t> bound;
  for (std::uint32_t i = 0; i < step.n_bindings; ++i) {
    const auto& binding = step.bindings[i];
    if (binding.value >= p.values.size() || p.values[binding.value].flags == 0)
      refuse("a binding names value {}, which is neither input nor output", binding.value);
    const auto& value = p.values[binding.value];
    if (!bound.insert(binding.value).second)
      refuse("value '{}' is bound twice", value.name);
    if (binding.buffer == nullptr)
      refuse("value '{}' is bound to no buffer", value.name);
    const std::uint64_t rows = value.kind == TK_ROWS ? step.n_rows : step.n_outputs;
    static_cast<memory*>(binding.buffer)->check(binding.offset, rows * value.width * 4);
  }
  for (std::uint32_t i = 0; i < p.values.size(); ++i) {
    const auto& value = p.values[i];
    const std::uint64_t rows = value.kind == TK_ROWS ? step.n_rows : step.n_outputs;
    if (value.flags != 0 && rows > 0 && !bound.contains(i))
      refuse("value '{}' is {} but not bound", value.name, (value.flags & TK_VALUE_INPUT) != 0 ? "an input" : "an output");
  }
}

} // namespace

std::vector<std::uint32_t> sequences_of_rows(const tk_step& step) {
  std::vector<std::uint32_t> sequence_of;
  for (std::uint32_t s = 0; s < step.n_sequences; ++s) {
    const auto& sequence = step.sequences[s];
    if (sequence.row_begin != sequence_of.size() || sequence.row_count > step.n_rows - sequence.row_begin)
      refuse("sequence {} has rows {} to {}, expected to begin at {} and end by {}", sequence.id, sequence.row_begin,
             std::uint64_t{sequence.row_begin} + sequence.row_count, sequence_of.size(), step.n_rows);
    sequence_of.insert(sequence_of.end(), sequence.row_count, s);
  }
  if (sequence_of.size() != step.n_rows)
    refuse("the sequences have {} rows, the step {}", sequence_of.size(), step.n_rows);
  return sequence_of;
}

void check_step(const program& p, const paged_cache* cache, const tk_step& step) {
  const auto n_groups = cache != nullptr ? cache->groups().size() : 0;
  if (p.n_groups != n_groups || step.n_groups != n_groups)
    refuse("the program has {} cache groups, the cache {}, the step {}", p.n_groups, n_groups, step.n_groups);
  check_rows(step, sequences_of_rows(step));
  for (std::uint32_t g = 0; g < step.n_groups; ++g) {
    if (cache->groups()[g].n_layers == 0)
      continue; // another shard's: nothing is touched here
    for (std::uint32_t s = 0; s < step.n_sequences; ++s)
      check_table(cache->groups()[g], step.groups[g], step, s);
    check_writes(cache->groups()[g], step.groups[g], step);
  }
  if (step.n_cache_ops > 0 && cache == nullptr)
    refuse("cache ops need a cache");
  for (std::uint32_t i = 0; i < step.n_cache_ops; ++i)
    check_cache_op(*cache, step.cache_ops[i]);
  check_bindings(p, step);
}

} // namespace tokamak::test
