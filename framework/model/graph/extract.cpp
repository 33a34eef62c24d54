// Copying a run of ops.
#include "model/graph/extract.hpp"

namespace tokamak {

namespace {

/// Marks the values that ops [begin, end) read or write.
void mark(const graph& g, std::size_t begin, std::size_t end, std::vector<value_id> graph_op::*list,
          std::vector<bool>& marks) {
  for (std::size_t i = begin; i < end; ++i)
    for (const auto id : g.ops()[i].*list)
      if (id != no_value)
        marks[id] = true;
}

} // namespace

graph extract_ops(const graph& g, std::size_t begin, std::size_t end) {
  const auto n = g.values().size();
  std::vector<bool> read(n), written(n), read_later(n);
  mark(g, begin, end, &graph_op::inputs, read);
  mark(g, begin, end, &graph_op::outputs, written);
  mark(g, end, g.ops().size(), &graph_op::inputs, read_later);

  graph part;
  std::vector<value_id> ids(n, no_value);
  for (value_id id = 0; id < n; ++id) {
    if (!read[id] && !written[id])
      continue;
    auto value = g.values()[id];
    if (value.kind != TK_WEIGHT && !written[id])
      value.flags = TK_VALUE_INPUT;
    else if (written[id] && read_later[id])
      value.flags |= TK_VALUE_OUTPUT;
    ids[id] = part.add_value(std::move(value));
  }
  for (const auto& group : g.groups())
    part.add_group(group);
  for (const auto& definition : g.definitions())
    part.define_op(definition);
  for (std::size_t i = begin; i < end; ++i) {
    auto op = g.ops()[i];
    for (auto* list : {&op.inputs, &op.outputs})
      for (auto& id : *list)
        id = id == no_value ? no_value : ids[id];
    part.add_op(std::move(op));
  }
  return part;
}

} // namespace tokamak
