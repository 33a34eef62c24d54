// Taking apart what a backend does not know.
#include "model/graph/graph_edit.hpp"
#include "model/graph/primitive_ops.hpp"
#include "model/tensor_type.hpp"

#include <algorithm>

namespace tokamak {

namespace {

constexpr int most_rounds = 32; // nesting of definitions; more is a circle

std::string describe(const graph_op& op) { return fmt::format("'{}' version {}", op.name, op.version); }

/// Serials of the ops that the backend refuses.
std::vector<std::uint64_t> unsupported_ops(const graph& g, const supports_function& supports) {
  std::vector<std::uint64_t> serials;
  const auto view = g.view();
  for (std::uint32_t i = 0; i < view.n_ops; ++i)
    if (!supports(view, i))
      serials.push_back(g.ops()[i].serial);
  return serials;
}

std::size_t position_of(const graph& g, std::uint64_t serial) {
  const auto found = std::find_if(g.ops().begin(), g.ops().end(), [&](const auto& op) { return op.serial == serial; });
  return static_cast<std::size_t>(found - g.ops().begin());
}

error nobody_can_run(const graph& g, const graph_op& op) {
  if (!is_primitive(op.name))
    return {errc::unsupported,
            fmt::format("the backend does not know op {}, and nobody defined how it decomposes", describe(op)), ""};
  std::string message = fmt::format("the backend does not support op {}", describe(op));
  for (const auto id : op.inputs)
    if (id != no_value && g.values()[id].kind == TK_WEIGHT)
      message += fmt::format(", here with '{}' of type {}", g.values()[id].name,
                             to_string(static_cast<tensor_type>(g.values()[id].format)));
  return {errc::unsupported, std::move(message), ""};
}

expected<void> take_apart(graph& g, std::uint64_t serial) {
  const auto at = position_of(g, serial);
  const auto op = g.ops()[at];
  const auto* definition = g.find_definition(op.name, op.version);
  if (definition == nullptr)
    return fail(nobody_can_run(g, op));
  const auto decompose = definition->decompose; // the graph may move its definitions while it is edited
  tk_error error{};
  error.size = sizeof error;
  graph_editor editor(g);
  if (decompose(editor.handle(), &graph_editor::api(), static_cast<std::uint32_t>(at), &error) != TK_OK)
    return fail(errc::internal, fmt::format("the decomposition of op {} failed: {}", describe(op), error.message));
  if (position_of(g, serial) < g.ops().size())
    return fail(errc::internal, fmt::format("the decomposition of op {} left it in the graph", describe(op)));
  return {};
}

} // namespace

expected<void> decompose_unsupported(graph& g, const supports_function& supports) {
  auto open = unsupported_ops(g, supports);
  if (open.empty())
    return {};
  graph copy = g;
  for (int round = 0; !open.empty(); ++round) {
    if (round == most_rounds)
      return fail(errc::internal,
                  fmt::format("op {} is still there after {} rounds of decomposition: definitions go in a circle",
                              describe(copy.ops()[position_of(copy, open.front())]), most_rounds));
    for (const auto serial : open)
      if (position_of(copy, serial) < copy.ops().size()) // a decomposition may have removed a neighbour too
        if (auto ok = take_apart(copy, serial); !ok)
          return ok;
    open = unsupported_ops(copy, supports);
  }
  if (auto ok = copy.validate(); !ok)
    return fail(errc::internal, "decompositions left the graph invalid: " + ok.error().to_string());
  g = std::move(copy);
  return {};
}

} // namespace tokamak
