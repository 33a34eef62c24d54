// Building programs, sharing their work space, and running steps.
#include "program.hpp"

#include "buffer.hpp"

#include "tokamak/kernels/rope.hpp"

#include <tokamak/sdk/failure.hpp>

#include <algorithm>
#include <set>

namespace tokamak::cpu {

namespace {

constexpr std::size_t alignment = 64;

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

// The row chains of a step as lists of ancestors; empty if each row just continues the one before.
void find_trees(const tk_step& step, step_trees& trees) {
  trees.ancestors.clear();
  trees.ancestor_begin.clear();
  bool plain = true;
  for (std::uint32_t s = 0; s < step.n_sequences && step.parents != nullptr; ++s) {
    const tk_step_sequence& sequence = step.sequences[s];
    for (std::uint32_t i = 0; i < sequence.row_count; ++i) {
      const std::int32_t before = i == 0 ? -1 : static_cast<std::int32_t>(sequence.row_begin + i - 1);
      plain = plain && step.parents[sequence.row_begin + i] == before;
    }
  }
  if (plain) return;
  trees.ancestor_begin.push_back(0);
  for (std::uint32_t s = 0; s < step.n_sequences; ++s) {
    const tk_step_sequence& sequence = step.sequences[s];
    for (std::uint32_t i = 0; i < sequence.row_count; ++i) {
      const std::size_t begin = trees.ancestors.size();
      for (std::int32_t row = step.parents[sequence.row_begin + i]; row >= 0; row = step.parents[row])
        trees.ancestors.push_back(static_cast<std::uint32_t>(row) - sequence.row_begin);
      std::reverse(trees.ancestors.begin() + static_cast<std::ptrdiff_t>(begin), trees.ancestors.end());
      trees.ancestor_begin.push_back(static_cast<std::uint32_t>(trees.ancestors.size()));
    }
  }
}

} // namespace

program::program(sdk::host host, kernels::cpu_level level, kernels::thread_team& team, memory_account& account,
                 const tk_graph_view& graph, std::span<const tk_weight> given, std::span<const tk_kernel> kernels)
    : level_(level), team_(team), account_(account), weights_(host, level, team, account, graph, given) {
  for (std::size_t i = 0; i < graph.n_values; ++i) {
    values_.push_back({graph.values[i].kind, graph.values[i].flags, graph.values[i].dims[0]});
    names_.emplace_back(sdk::view(graph.values[i].name));
  }
  for (std::size_t g = 0; g < graph.n_groups; ++g) {
    groups_.push_back(graph.groups[g]);
    groups_.back().name = {};
  }
  builder to(level, team.size(), graph, weights_, kernels);
  to.used.resize(graph.n_groups);
  to.attended.resize(graph.n_groups);
  std::set<std::uint32_t> packed;
  for (std::uint32_t i = 0; i < graph.n_ops; ++i) {
    const op_view op(graph, i);
    check_op(op, kernels, level);
    for (const std::uint32_t input : packed_inputs(op, kernels, level)) packed.insert(op.input_id(input));
  }
  weights_.reserve(graph, packed);
  for (std::uint32_t i = 0; i < graph.n_ops; ++i) make_op(op_view(graph, i), to);
  weights_.release_packed();
  operations_ = std::move(to.operations);
  ropes_ = std::move(to.ropes);
  plans_ = std::move(to.plans);
  used_groups_ = std::move(to.used);
  attended_groups_ = std::move(to.attended);
  embeds_ = to.embeds;
  vocabulary_ = to.vocabulary;
  embedding_width_ = to.embedding_width;
  assign_slots();
}

// Each value takes a free slot when it is written and leaves it after its last reader. Outputs of the graph keep
// theirs: they are not to be overwritten even when nobody bound them.
void program::assign_slots() {
  constexpr std::size_t forever = SIZE_MAX;
  slot_of_.assign(values_.size(), TK_NO_VALUE);
  std::vector<std::size_t> last_use(values_.size(), 0);
  for (std::size_t i = 0; i < operations_.size(); ++i)
    for (const std::vector<std::uint32_t>* list : {&operations_[i]->reads, &operations_[i]->writes})
      for (const std::uint32_t value : *list)
        last_use[value] = (values_[value].flags & TK_VALUE_OUTPUT) != 0 ? forever : i;
  std::vector<std::size_t> busy_until; // by slot
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    for (const std::uint32_t value : operations_[i]->writes) {
      std::size_t chosen = slots_.size();
      for (std::size_t s = 0; s < slots_.size(); ++s)
        if (busy_until[s] < i && slots_[s].kind == values_[value].kind &&
            (chosen == slots_.size() || slots_[s].width > slots_[chosen].width))
          chosen = s;
      if (chosen == slots_.size() || last_use[value] == forever) {
        chosen = slots_.size();
        slots_.push_back({values_[value].kind, values_[value].width});
        busy_until.push_back(0);
      }
      slots_[chosen].width = std::max(slots_[chosen].width, values_[value].width);
      busy_until[chosen] = last_use[value];
      slot_of_[value] = static_cast<std::uint32_t>(chosen);
    }
  }
}

std::size_t program::value_bytes(std::size_t rows, std::size_t outputs) const {
  std::size_t bytes = 0;
  for (const slot& slot : slots_)
    bytes += aligned((slot.kind == TK_OUTPUT_ROWS ? outputs : rows) * slot.width * sizeof(float));
  return bytes;
}

std::size_t program::scratch_bytes(std::size_t rows, std::size_t outputs) const {
  std::size_t bytes = 0;
  for (const auto& operation : operations_) bytes = std::max(bytes, operation->scratch_bytes(rows, outputs));
  return aligned(bytes);
}

void program::reserve(std::size_t rows, std::size_t outputs) {
  std::size_t partials = 0;
  for (const attention_plan& plan : plans_) partials = std::max(partials, plan.partial_floats * sizeof(float));
  const std::size_t bytes = value_bytes(rows, outputs) + scratch_bytes(rows, outputs) + partials;
  if (bytes <= work_.size()) return;
  work_ = {};
  held_ = {};
  held_ = charge(account_, bytes, "steps of " + std::to_string(rows) + " rows");
  work_ = kernels::aligned_buffer(bytes, kernels::page_size::small);
  if (work_.data() == nullptr)
    throw sdk::failure(TK_OUT_OF_MEMORY, "the system has no " + std::to_string(bytes) + " bytes for steps of " +
                                             std::to_string(rows) + " rows");
}

void program::place_values(const tk_step& step) {
  std::vector<float*> slot_data;
  std::byte* next = work_.data();
  for (const slot& slot : slots_) {
    slot_data.push_back(reinterpret_cast<float*>(next));
    next += aligned((slot.kind == TK_OUTPUT_ROWS ? step.n_outputs : step.n_rows) * slot.width * sizeof(float));
  }
  data_.assign(values_.size(), nullptr);
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (slot_of_[i] != TK_NO_VALUE) data_[i] = slot_data[slot_of_[i]];
  for (std::uint32_t i = 0; i < step.n_bindings; ++i) {
    const tk_binding& binding = step.bindings[i];
    data_[binding.value] =
        reinterpret_cast<float*>(static_cast<buffer*>(binding.buffer)->memory.data() + binding.offset);
  }
}

void program::prepare_step(const tk_step& step) {
  find_trees(step, trees_);
  for (attention_plan& plan : plans_) plan.prepare(step, trees_, team_.size());
  reserve(step.n_rows, step.n_outputs);
  place_values(step);
  for (rope_table& rope : ropes_) {
    const std::size_t dims = rope.rotary_dims();
    if (rope.angles.size() < step.n_rows * dims) rope.angles.resize(step.n_rows * dims);
    team_.parallel_for(step.n_rows, grain_of(dims * 32), [&](std::size_t begin, std::size_t end, unsigned) {
      kernels::rope_angles(step.positions + begin, end - begin, rope.frequencies.data(), dims, rope.magnitude,
                           rope.angles.data() + begin * dims);
    });
  }
}

void program::run(const tk_step& step, const cache* state, profile* times) {
  if (times != nullptr) times->begin_step();
  if (step.n_rows != 0) prepare_step(step);
  for (std::uint32_t i = 0; i < step.n_cache_ops; ++i)
    if (step.cache_ops[i].after == 0) state->run(step.cache_ops[i]);
  if (step.n_rows != 0) {
    std::byte* const scratch = work_.data() + value_bytes(step.n_rows, step.n_outputs);
    auto* const partials = reinterpret_cast<float*>(scratch + scratch_bytes(step.n_rows, step.n_outputs));
    const step_run run{level_, team_, step, state, values_.data(), data_.data(), scratch, partials, trees_, ropes_, plans_};
    for (const auto& operation : operations_) times != nullptr ? times->run(*operation, run) : operation->run(run);
  }
  for (std::uint32_t i = 0; i < step.n_cache_ops; ++i)
    if (step.cache_ops[i].after != 0) state->run(step.cache_ops[i]);
  if (times != nullptr) times->end_step();
}

} // namespace tokamak::cpu
