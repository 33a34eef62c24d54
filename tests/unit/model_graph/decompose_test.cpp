// Decomposing what a backend does not support.
#include "model/graph/graph_edit.hpp"
#include "unit/model_graph/two_layer_graph.hpp"

#include <doctest/doctest.h>

using namespace tokamak;

namespace {

/// Replaces the op by one of another name on the same values.
tk_status rename(tk_graph_editor* editor, const tk_graph_edit* api, std::uint32_t op, tk_error* error, const char* name) {
  tk_graph_view view;
  api->view(editor, &view);
  auto made = view.ops[op];
  made.name = {name, std::string_view(name).size()};
  made.version = 1;
  const std::vector<std::uint32_t> inputs(made.inputs, made.inputs + made.n_inputs),
      outputs(made.outputs, made.outputs + made.n_outputs);
  made.inputs = inputs.data();
  made.outputs = outputs.data();
  made.n_attributes = 0;
  if (const auto status = api->insert_op(editor, op, &made, error); status != TK_OK)
    return status;
  return api->erase_op(editor, op + 1, error);
}

tk_status to_silu(tk_graph_editor* editor, const tk_graph_edit* api, std::uint32_t op, tk_error* error) {
  return rename(editor, api, op, error, "tokamak.silu");
}
tk_status to_inner(tk_graph_editor* editor, const tk_graph_edit* api, std::uint32_t op, tk_error* error) {
  return rename(editor, api, op, error, "acme.inner");
}
tk_status to_outer(tk_graph_editor* editor, const tk_graph_edit* api, std::uint32_t op, tk_error* error) {
  return rename(editor, api, op, error, "acme.outer");
}
tk_status nothing(tk_graph_editor*, const tk_graph_edit*, std::uint32_t, tk_error*) { return TK_OK; }
tk_status refuses(tk_graph_editor* editor, const tk_graph_edit* api, std::uint32_t, tk_error* error) {
  return api->erase_op(editor, 99, error);
}
tk_status only_erase(tk_graph_editor* editor, const tk_graph_edit* api, std::uint32_t op, tk_error* error) {
  return api->erase_op(editor, op, error);
}

/// x -> acme.outer -> y -> acme.outer -> z.
graph with_outer(std::vector<op_definition> definitions) {
  graph g;
  const auto x = g.add_rows("x", 4, TK_VALUE_INPUT), y = g.add_rows("y", 4), z = g.add_rows("z", 4, TK_VALUE_OUTPUT);
  g.add_op({"acme.outer", 1, {x}, {y}, {}, 0});
  g.add_op({"acme.outer", 1, {y}, {z}, {}, 0});
  for (auto& definition : definitions)
    g.define_op(std::move(definition));
  return g;
}

bool primitives_only(const tk_graph_view& view, std::uint32_t op) {
  return std::string_view(view.ops[op].name.data, view.ops[op].name.size).starts_with("tokamak.");
}

std::string refusal(graph g, const supports_function& supports = primitives_only) {
  const auto before = g.print();
  const auto result = decompose_unsupported(g, supports);
  if (!result)
    CHECK(g.print() == before);
  return result ? "done" : result.error().to_string();
}

} // namespace

TEST_CASE("ops are decomposed in as many steps as it takes") {
  auto g = with_outer({{"acme.outer", 1, to_inner}, {"acme.inner", 1, to_silu}});
  REQUIRE(decompose_unsupported(g, primitives_only));
  REQUIRE(g.ops().size() == 2);
  CHECK(g.ops()[0].name == "tokamak.silu");
  CHECK(g.ops()[1].name == "tokamak.silu");
  CHECK(g.values()[g.ops()[1].outputs[0]].name == "z");
}

TEST_CASE("what the backend supports stays as it is") {
  auto g = with_outer({{"acme.outer", 1, to_inner}, {"acme.inner", 1, to_silu}});
  const auto knows_inner = [](const tk_graph_view& view, std::uint32_t op) {
    return std::string_view(view.ops[op].name.data, view.ops[op].name.size) == "acme.inner";
  };
  REQUIRE(decompose_unsupported(g, knows_inner));
  CHECK(g.ops()[0].name == "acme.inner");
  const auto before = g.print();
  REQUIRE(decompose_unsupported(g, [](const tk_graph_view&, std::uint32_t) { return true; }));
  CHECK(g.print() == before);
}

TEST_CASE("what nobody knows is named") {
  CHECK(refusal(with_outer({})) ==
        "the backend does not know op 'acme.outer' version 1, and nobody defined how it decomposes (unsupported)");
  CHECK(refusal(with_outer({{"acme.outer", 2, to_silu}})) ==
        "the backend does not know op 'acme.outer' version 1, and nobody defined how it decomposes (unsupported)");
  CHECK(refusal(with_outer({{"acme.outer", 1, to_inner}})) ==
        "the backend does not know op 'acme.inner' version 1, and nobody defined how it decomposes (unsupported)");
  graph g;
  primitive_ops op(g);
  g.set_flags(op.matmul("y", g.add_rows("x", 256, TK_VALUE_INPUT), g.add_weight("w", 14, {256, 2})), TK_VALUE_OUTPUT);
  CHECK(refusal(g, [](const tk_graph_view&, std::uint32_t) { return false; }) ==
        "the backend does not support op 'tokamak.matmul' version 1, here with 'w' of type Q6_K (unsupported)");
}

TEST_CASE("bad decompositions are caught") {
  CHECK(refusal(with_outer({{"acme.outer", 1, nothing}})) ==
        "the decomposition of op 'acme.outer' version 1 left it in the graph (internal)");
  CHECK(refusal(with_outer({{"acme.outer", 1, refuses}})) ==
        "the decomposition of op 'acme.outer' version 1 failed: there is no op 99 to erase, only 2 (internal)");
  CHECK(refusal(with_outer({{"acme.outer", 1, to_inner}, {"acme.inner", 1, to_outer}})) ==
        "op 'acme.outer' version 1 is still there after 32 rounds of decomposition: definitions go in a circle (internal)");
  CHECK(refusal(with_outer({{"acme.outer", 1, only_erase}})) ==
        "decompositions left the graph invalid: value 'z': is an output, but no op writes it (invalid_argument) (internal)");
}
