// Writers and readers of values.
#include "graph_index.hpp"

#include <algorithm>

namespace tokamak::operator_fusion {

graph_index::graph_index(const sdk::graph_editor& g) : view_(g.view()), writer_(view_.n_values, no_op), readers_(view_.n_values) {
  for (std::uint32_t i = 0; i < view_.n_ops; ++i) {
    const tk_op& op = view_.ops[i];
    for (std::uint32_t k = 0; k < op.n_outputs; ++k) writer_[op.outputs[k]] = i;
    for (std::uint32_t k = 0; k < op.n_inputs; ++k) {
      if (op.inputs[k] == TK_NO_VALUE) continue;
      auto& readers = readers_[op.inputs[k]];
      if (readers.empty() || readers.back() != i) readers.push_back(i);
    }
  }
}

bool graph_index::only_for(std::uint32_t id, std::uint32_t op) const {
  return !is_output(id) && readers_[id].size() == 1 && readers_[id][0] == op;
}

std::uint32_t graph_index::absorbable(std::uint32_t id, std::string_view name, std::uint32_t reader) const {
  const auto op = writer_[id];
  return is(op, name) && only_for(id, reader) ? op : no_op;
}

void replace_ops(sdk::graph_editor& g, std::vector<std::uint32_t> ops, std::uint32_t at, const sdk::op_builder& by) {
  std::ranges::sort(ops, std::greater{});
  ops.erase(std::unique(ops.begin(), ops.end()), ops.end());
  for (const auto op : ops) g.erase_op(op);
  const auto before = static_cast<std::uint32_t>(std::ranges::count_if(ops, [&](std::uint32_t op) { return op < at; }));
  g.insert_op(at - before, by);
}

} // namespace tokamak::operator_fusion
