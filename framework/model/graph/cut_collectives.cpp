// Segments between collectives.
#include "model/graph/cut.hpp"
#include "model/graph/extract.hpp"

namespace tokamak {

expected<std::vector<collective_segment>> cut_collectives(const graph& g) {
  std::vector<collective_segment> segments;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < g.ops().size(); ++i) {
    const auto& op = g.ops()[i];
    if (op.name != "tokamak.all_reduce")
      continue;
    const auto& reduced = g.values()[op.outputs[0]];
    if ((reduced.flags & TK_VALUE_OUTPUT) != 0)
      return fail(errc::unsupported,
                  fmt::format("the result '{}' of a collective is an output of the graph: no segment would write it",
                              reduced.name));
    segments.push_back({extract_ops(g, begin, i), g.values()[op.inputs[0]].name, reduced.name});
    begin = i + 1;
  }
  segments.push_back({extract_ops(g, begin, g.ops().size()), "", ""});
  return segments;
}

} // namespace tokamak
