// Whether a step fits a program and a cache. A step may have come from another process: every index is held against its
// bound before anything runs.
#include "buffer.hpp"
#include "program.hpp"

#include <tokamak/sdk/failure.hpp>

namespace tokamak::cpu {

namespace {

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::string message;
  const auto append = [&](const auto& part) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>)
      message += std::to_string(part);
    else
      message += part;
  };
  (append(parts), ...);
  throw sdk::failure(TK_INVALID_ARGUMENT, message);
}

void need(const void* array, std::uint64_t elements, const char* name) {
  if (array == nullptr && elements != 0) refuse("the step has no ", name);
}

} // namespace

void program::check(const tk_step& step, const cache* state) const {
  if (step.size < sizeof(tk_step)) refuse("the step's size is ", step.size, ", expected at least ", sizeof(tk_step));
  check_rows(step);
  check_tokens(step);
  check_parents(step);
  check_bindings(step);
  need(step.cache_ops, step.n_cache_ops, "cache_ops");
  if (state == nullptr) {
    if (step.n_cache_ops != 0) refuse("the step has cache ops, but no cache");
    for (std::size_t g = 0; g < used_groups_.size(); ++g)
      if (used_groups_[g] != 0) refuse("the program keeps state, but the step has no cache");
    return;
  }
  for (std::uint32_t i = 0; i < step.n_cache_ops; ++i) state->check(step.cache_ops[i]);
  for (std::size_t g = 0; g < used_groups_.size(); ++g)
    if (used_groups_[g] != 0 && step.n_rows != 0) check_group(step, *state, g);
}

void program::check_rows(const tk_step& step) const {
  need(step.sequences, step.n_sequences, "sequences");
  std::uint64_t next = 0;
  for (std::uint32_t s = 0; s < step.n_sequences; ++s) {
    if (step.sequences[s].row_begin != next)
      refuse("sequence ", s, " of the step begins at row ", step.sequences[s].row_begin, ", expected ", next);
    next += step.sequences[s].row_count;
  }
  if (next != step.n_rows) refuse("the sequences of the step have ", next, " rows, the step has ", step.n_rows);
  need(step.output_rows, step.n_outputs, "output_rows");
  for (std::uint32_t i = 0; i < step.n_outputs; ++i) {
    if (step.output_rows[i] >= step.n_rows) refuse("output row ", step.output_rows[i], " of ", step.n_rows);
    if (i > 0 && step.output_rows[i] <= step.output_rows[i - 1]) refuse("output rows are not ascending");
  }
}

void program::check_tokens(const tk_step& step) const {
  if (!ropes_.empty()) need(step.positions, step.n_rows, "positions");
  for (std::uint32_t t = 0; step.adapters != nullptr && t < step.n_rows; ++t)
    if (step.adapters[t] != 0) throw sdk::failure(TK_UNSUPPORTED, "the cpu backend has no adapters");
  if (!embeds_) return;
  need(step.tokens, step.n_rows, "tokens");
  const std::size_t row_bytes = embedding_width_ * sizeof(float);
  const std::uint64_t embeddings =
      step.embeddings == nullptr ? 0 : static_cast<const buffer*>(step.embeddings)->memory.size() / row_bytes;
  for (std::uint32_t t = 0; t < step.n_rows; ++t) {
    const std::int64_t token = step.tokens[t];
    if (token >= static_cast<std::int64_t>(vocabulary_))
      refuse("token ", token, " of row ", t, "; the vocabulary has ", vocabulary_);
    if (token < 0 && static_cast<std::uint64_t>(-1 - token) >= embeddings)
      refuse("row ", t, " takes embedding ", -1 - token, " of ", embeddings);
  }
}

void program::check_parents(const tk_step& step) const {
  if (step.parents == nullptr) return;
  for (std::uint32_t s = 0; s < step.n_sequences; ++s) {
    const std::int64_t begin = step.sequences[s].row_begin;
    for (std::int64_t row = begin; row < begin + step.sequences[s].row_count; ++row) {
      const std::int64_t parent = step.parents[row];
      if (parent != -1 && (parent < begin || parent >= row))
        refuse("row ", row, " continues row ", parent, ", expected an earlier row of its sequence or -1");
    }
  }
}

void program::check_group(const tk_step& step, const cache& state, std::size_t g) const {
  if (g >= state.n_groups() || g >= step.n_groups)
    refuse("the program has ", groups_.size(), " cache groups, the cache ", state.n_groups(), ", the step ",
           step.n_groups);
  const tk_cache_group& mine = groups_[g];
  const tk_cache_group& theirs = state.group(g);
  if (mine.kind != theirs.kind || mine.n_layers > theirs.n_layers || mine.block_size != theirs.block_size ||
      mine.k_width != theirs.k_width || mine.v_width != theirs.v_width || mine.state_width != theirs.state_width ||
      mine.format != theirs.format)
    refuse("cache group '", state.name(g), "' of the cache has another shape than the program's");
  const tk_step_group& at = step.groups[g];
  if (at.table_begin == nullptr || at.tables == nullptr || at.context == nullptr || at.first_block == nullptr)
    refuse("the step has no tables for cache group '", state.name(g), "'");
  for (std::uint32_t s = 0; s < step.n_sequences; ++s)
    if (step.sequences[s].row_count != 0) check_table(step, state, g, s);
}

void program::check_table(const tk_step& step, const cache& state, std::size_t g, std::uint32_t s) const {
  const tk_step_group& at = step.groups[g];
  const tk_cache_group& group = groups_[g];
  if (at.table_begin[s + 1] < at.table_begin[s])
    refuse("the block tables of cache group '", state.name(g), "' overlap");
  const std::uint64_t blocks = at.table_begin[s + 1] - at.table_begin[s];
  std::uint64_t first = 0, end = 1; // of the table's entries that are used
  if (group.kind != TK_GROUP_RECURRENT) {
    const std::uint64_t context = at.context[s], last_slot = context + step.sequences[s].row_count - 1;
    if (last_slot > 0x7fffffff) refuse("sequence ", s, " fills slot ", last_slot, ", more than 2^31 - 1");
    std::uint64_t first_slot = attended_groups_[g] != 0 ? 0 : context;
    if (group.kind == TK_GROUP_SLIDING && context + 1 > group.window && attended_groups_[g] != 0)
      first_slot = context + 1 - group.window;
    if (first_slot / group.block_size < at.first_block[s])
      refuse("sequence ", s, " needs slot ", first_slot, " of cache group '", state.name(g),
             "', but its table begins with block ", at.first_block[s]);
    first = first_slot / group.block_size - at.first_block[s];
    end = last_slot / group.block_size - at.first_block[s] + 1;
  }
  if (end > blocks)
    refuse("sequence ", s, " needs ", end, " blocks of cache group '", state.name(g), "', its table has ", blocks);
  for (std::uint64_t i = first; i < end; ++i)
    if (at.tables[at.table_begin[s] + i] >= state.n_blocks(g))
      refuse("sequence ", s, " names block ", at.tables[at.table_begin[s] + i], " of cache group '", state.name(g),
             "', which has ", state.n_blocks(g));
}

void program::check_bindings(const tk_step& step) const {
  need(step.bindings, step.n_bindings, "bindings");
  std::vector<std::uint8_t> bound(values_.size(), 0);
  for (std::uint32_t i = 0; i < step.n_bindings; ++i) {
    const tk_binding& binding = step.bindings[i];
    if (binding.value >= values_.size() || (values_[binding.value].flags & (TK_VALUE_INPUT | TK_VALUE_OUTPUT)) == 0)
      refuse("a binding names value ", binding.value, ", which is neither input nor output");
    const value_info& value = values_[binding.value];
    const std::string& name = names_[binding.value];
    if (binding.buffer == nullptr || binding.offset % alignof(float) != 0)
      refuse("the binding of '", name, "' has no buffer or an odd offset");
    const std::uint64_t bytes =
        std::uint64_t{value.kind == TK_OUTPUT_ROWS ? step.n_outputs : step.n_rows} * value.width * sizeof(float);
    const auto& to = *static_cast<const buffer*>(binding.buffer);
    if (!to.holds(binding.offset, bytes))
      refuse("'", name, "' needs ", bytes, " bytes from offset ", binding.offset, " of a buffer of ", to.memory.size());
    bound[binding.value] = 1;
  }
  for (std::size_t i = 0; i < values_.size() && step.n_rows != 0; ++i)
    if ((values_[i].flags & TK_VALUE_INPUT) != 0 && bound[i] == 0)
      refuse("the input '", names_[i], "' is bound to no buffer");
}

} // namespace tokamak::cpu
