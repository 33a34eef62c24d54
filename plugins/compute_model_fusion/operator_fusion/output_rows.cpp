// take_outputs as early as can be: what stands behind attention in the last layer is then computed only for the rows whose logits are
// wanted, in a prompt one of hundreds.
#include "graph_index.hpp"

#include <algorithm>
#include <array>

namespace tokamak::operator_fusion {

namespace {

constexpr std::string_view take = "tokamak.take_outputs";

// Ops whose output row depends on the same row of their inputs and on weights.
constexpr std::array<std::string_view, 9> by_row{"tokamak.add", "tokamak.mul", "tokamak.scale", "tokamak.softcap", "tokamak.silu", "tokamak.gelu",
                                                 "tokamak.glu", "tokamak.matmul", "tokamak.rms_norm"};

bool is_by_row(const graph_index& graph, std::uint32_t op) {
  return std::ranges::any_of(by_row, [&](std::string_view name) { return graph.is(op, name); });
}

// Rows that the op reads, each once.
std::vector<std::uint32_t> rows_of(const graph_index& graph, const tk_op& op) {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < op.n_inputs; ++i)
    if (op.inputs[i] != TK_NO_VALUE && graph.value(op.inputs[i]).kind == TK_ROWS && std::ranges::find(rows, op.inputs[i]) == rows.end())
      rows.push_back(op.inputs[i]);
  return rows;
}

std::uint32_t take_of(const graph_index& graph, std::uint32_t rows) {
  for (const auto reader : graph.readers(rows))
    if (graph.is(reader, take)) return reader;
  return no_op;
}

// take_outputs(op(x, y)) becomes op(take_outputs(x), take_outputs(y)), in the op's place.
void exchange(sdk::graph_editor& g, std::uint32_t at, std::uint32_t take_at) {
  const graph_index graph(g);
  const tk_op& op = graph.op(at);
  struct taken {
    std::uint32_t rows, outputs; ///< TK_NO_VALUE: still to be made
    std::string name;
    std::uint64_t width;
    bool there; ///< already, before the op
  };
  std::vector<taken> all;
  std::vector<std::uint32_t> ops{take_at, at}, inputs(op.inputs, op.inputs + op.n_inputs);
  for (const auto rows : rows_of(graph, op)) {
    const auto other = take_of(graph, rows);
    if (other != no_op && other > at) ops.push_back(other); // it stands too late for this op, and can stand here
    all.push_back({rows, other != no_op ? graph.op(other).outputs[0] : TK_NO_VALUE, std::string(sdk::view(graph.value(rows).name)) + ".outputs",
                   graph.value(rows).dims[0], other != no_op && other < at});
  }
  sdk::op_builder moved(std::string(sdk::view(op.name)), op.version);
  moved.outputs({graph.op(take_at).outputs[0]});
  for (std::uint32_t i = 0; i < op.n_attributes; ++i) moved.copy(op.attributes[i]);
  std::ranges::sort(ops, std::greater{});
  for (const auto erased : ops) g.erase_op(erased); // from here on nothing of the view is valid
  std::uint32_t position = at;
  for (auto& t : all) {
    if (t.outputs == TK_NO_VALUE) t.outputs = g.add_output_rows(t.name, t.width);
    if (!t.there) g.insert_op(position++, sdk::op_builder(std::string(take)).inputs({t.rows}).outputs({t.outputs}));
    std::ranges::replace(inputs, t.rows, t.outputs);
  }
  g.insert_op(position, moved.inputs(inputs));
}

} // namespace

bool move_outputs_up(sdk::graph_editor& g) {
  const graph_index graph(g);
  for (std::uint32_t i = 0; i < graph.n_ops(); ++i) {
    if (!graph.is(i, take)) continue;
    const auto rows = graph.op(i).inputs[0], op = graph.writer(rows);
    if (op == no_op || !graph.only_for(rows, i) || !is_by_row(graph, op)) continue;
    exchange(g, op, i);
    return true;
  }
  return false;
}

} // namespace tokamak::operator_fusion
