// A graph under edit, as patterns look at it: who writes a value, who reads it.
#pragma once

#include <tokamak/plugin.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::operator_fusion {

namespace sdk = tokamak::sdk;

inline constexpr std::uint32_t no_op = 0xffffffffu;

/// Of the graph as it was when this was made: made anew after each edit.
class graph_index {
public:
  explicit graph_index(const sdk::graph_editor& g);

  std::uint32_t n_ops() const { return static_cast<std::uint32_t>(view_.n_ops); }
  const tk_op& op(std::uint32_t i) const { return view_.ops[i]; }
  const tk_value& value(std::uint32_t id) const { return view_.values[id]; }

  bool is(std::uint32_t op, std::string_view name) const {
    return op != no_op && sdk::view(view_.ops[op].name) == name && view_.ops[op].version == 1;
  }
  /// The op that writes a value; no_op for weights and inputs.
  std::uint32_t writer(std::uint32_t id) const { return writer_[id]; }
  /// Ops that read it, each once.
  const std::vector<std::uint32_t>& readers(std::uint32_t id) const { return readers_[id]; }
  /// True if nothing else would miss the value: one reader, and no output of the graph.
  bool only_for(std::uint32_t id, std::uint32_t op) const;
  /// The op that writes `id` if it has this name and nothing but `reader` sees its result, else no_op.
  std::uint32_t absorbable(std::uint32_t id, std::string_view name, std::uint32_t reader) const;
  bool is_output(std::uint32_t id) const { return (view_.values[id].flags & TK_VALUE_OUTPUT) != 0; }

private:
  tk_graph_view view_;
  std::vector<std::uint32_t> writer_;
  std::vector<std::vector<std::uint32_t>> readers_;
};

/// Input `i` of an op, TK_NO_VALUE where it is absent.
inline std::uint32_t input_of(const tk_op& op, std::uint32_t i) { return i < op.n_inputs ? op.inputs[i] : TK_NO_VALUE; }

/// Removes ops and puts one in at the place of `at`, one of them: the ops between see it as they saw that one.
void replace_ops(sdk::graph_editor& g, std::vector<std::uint32_t> ops, std::uint32_t at, const sdk::op_builder& by);

/// The rewrites, each of one place: true if there was one. plugin.cpp calls them until there is none.
bool move_outputs_up(sdk::graph_editor& g);
bool fuse_matmul(sdk::graph_editor& g);
bool fuse_attention(sdk::graph_editor& g);

/// What the fused ops mean.
void define_fused_matmul(sdk::graph_editor& g);
void define_fused_attention(sdk::graph_editor& g);

} // namespace tokamak::operator_fusion
