// Passes: the host functions and their refusals, and that a failing pass leaves no trace.
#include "model/graph/graph_edit.hpp"
#include "unit/model_graph/two_layer_graph.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using tokamak::test::two_layer_graph;

namespace {

tk_string text(std::string_view s) { return {s.data(), s.size()}; }

tk_error empty_error() {
  tk_error e{};
  e.size = sizeof e;
  return e;
}

/// What one edit of a two-layer graph says.
template <class Edit>
std::string refusal(Edit edit) {
  auto g = two_layer_graph(1);
  graph_editor editor(g);
  auto e = empty_error();
  const auto status = edit(editor.handle(), graph_editor::api(), &e);
  CHECK(status == e.code);
  return status == TK_OK ? "done" : e.message;
}

tk_op op_of(std::string_view name, const std::vector<std::uint32_t>& inputs, const std::vector<std::uint32_t>& outputs,
            const std::vector<tk_attribute>& attributes = {}) {
  return {text(name), 1, static_cast<std::uint32_t>(inputs.size()), static_cast<std::uint32_t>(outputs.size()),
          static_cast<std::uint32_t>(attributes.size()), inputs.data(), outputs.data(), attributes.data()};
}

/// Multiplies the embeddings by two, with an op in between.
expected<void> double_embeddings(tk_graph_editor* editor, const tk_graph_edit& api) {
  auto e = empty_error();
  tk_graph_view view;
  api.view(editor, &view);
  const std::uint32_t embedded = view.ops[0].outputs[0], table_id = view.ops[0].inputs[0]; // before the view goes stale
  tk_value value{text("raw"), TK_ROWS, TK_F32, 1, 0, {view.values[embedded].dims[0]}};
  std::uint32_t raw = 0;
  if (api.add_value(editor, &value, &raw, &e) != TK_OK)
    return fail(errc::internal, e.message);
  const std::vector<std::uint32_t> table = {table_id}, inner = {raw}, outer = {embedded};
  tk_attribute factor{};
  factor.name = text("factor");
  factor.type = TK_REAL;
  factor.real = 2;
  const std::vector<tk_attribute> factors = {factor};
  const auto scale = op_of("tokamak.scale", inner, outer, factors), embed = op_of("tokamak.embed", table, inner);
  if (api.insert_op(editor, 0, &embed, &e) != TK_OK || api.insert_op(editor, 1, &scale, &e) != TK_OK ||
      api.erase_op(editor, 2, &e) != TK_OK)
    return fail(errc::internal, e.message);
  return {};
}

} // namespace

TEST_CASE("a pass replaces an op by two, and the graph stays valid") {
  auto g = two_layer_graph();
  const auto n_ops = g.ops().size();
  REQUIRE(edit_graph(g, double_embeddings));
  CHECK(g.ops().size() == n_ops + 1);
  CHECK(g.ops()[0].name == "tokamak.embed");
  CHECK(g.ops()[1].name == "tokamak.scale");
  CHECK(real_attribute(g.ops()[1], "factor") == 2);
  CHECK(g.values()[g.ops()[1].outputs[0]].name == "embedding");
  CHECK(g.validate());
}

TEST_CASE("a pass that fails or breaks the graph changes nothing") {
  auto g = two_layer_graph();
  const auto before = g.print();
  const auto failed = edit_graph(g, [](tk_graph_editor* editor, const tk_graph_edit& api) -> expected<void> {
    auto e = empty_error();
    api.erase_op(editor, 0, &e);
    return fail(errc::unsupported, "this pass likes no llamas");
  });
  CHECK(failed.error() == error{errc::unsupported, "this pass likes no llamas", ""});
  CHECK(g.print() == before);
  const auto broken = edit_graph(g, [](tk_graph_editor* editor, const tk_graph_edit& api) -> expected<void> {
    auto e = empty_error();
    api.erase_op(editor, 0, &e);
    return {};
  });
  CHECK(broken.error() == error{errc::internal,
                                "the pass left the graph invalid: op 0 (tokamak.rms_norm): reads 'embedding' before it is "
                                "written (invalid_argument)", ""});
  CHECK(g.print() == before);
}

TEST_CASE("values are added with a new name and 1 to 4 dimensions") {
  const auto add = [](const char* name, std::uint32_t n_dims) {
    return refusal([&](tk_graph_editor* editor, const tk_graph_edit& api, tk_error* e) {
      const tk_value value{text(name), TK_WEIGHT, TK_F32, n_dims, 0, {4, 4, 4, 4}};
      std::uint32_t index = 0;
      const auto status = api.add_value(editor, &value, &index, e);
      if (status == TK_OK) {
        tk_graph_view view;
        api.view(editor, &view);
        CHECK(index + 1 == view.n_values);
        CHECK(view.values[index].n_dims == n_dims);
      }
      return status;
    });
  };
  CHECK(add("extra.weight", 2) == "done");
  CHECK(add("logits", 1) == "there is a value 'logits' already");
  CHECK(add("", 1) == "a value needs a name");
  CHECK(add("extra", 5) == "value 'extra' has 5 dimensions, expected 1 to 4");
}

TEST_CASE("ops are inserted where their inputs are written") {
  const auto insert = [](std::uint32_t at, std::vector<std::uint32_t> inputs, std::vector<std::uint32_t> outputs,
                         std::vector<tk_attribute> attributes = {}) {
    return refusal([&](tk_graph_editor* editor, const tk_graph_edit& api, tk_error* e) {
      const auto op = op_of("acme.peek", inputs, outputs, attributes);
      return api.insert_op(editor, at, &op, e);
    });
  };
  const auto embedding = two_layer_graph(1).find_value("embedding");
  CHECK(insert(1, {embedding}, {}) == "done");
  CHECK(insert(0, {embedding}, {}) == "op 'acme.peek' reads 'embedding', which is not written before position 0");
  CHECK(insert(0, {TK_NO_VALUE, 0}, {}) == "done"); // an absent input, a weight
  CHECK(insert(99, {}, {}) == "op 'acme.peek' goes before position 99, but there are 20 ops");
  CHECK(insert(0, {999}, {}) == "op 'acme.peek' reads value 999 of 30");
  CHECK(insert(0, {}, {999}) == "op 'acme.peek' writes value 999 of 30");
  tk_attribute odd{};
  odd.name = text("colour");
  odd.type = TK_TABLE;
  CHECK(insert(0, {}, {}, {odd}) ==
        "op 'acme.peek': attribute 'colour' has type 6, expected integer, real, string or array of reals");
}

TEST_CASE("an op and a value may be copied straight out of the view that the edit ends") {
  auto g = two_layer_graph(1);
  graph_editor editor(g);
  const auto& api = graph_editor::api();
  auto e = empty_error();
  tk_graph_view view;
  api.view(editor.handle(), &view);
  REQUIRE(std::string_view(view.ops[3].name.data, view.ops[3].name.size) == "tokamak.rope");
  REQUIRE(api.insert_op(editor.handle(), 4, &view.ops[3], &e) == TK_OK);
  CHECK(g.ops()[4].name == "tokamak.rope");
  CHECK(g.ops()[4].inputs == g.ops()[3].inputs);
  CHECK(std::get<std::string>(*find_attribute(g.ops()[4], "style")) == "interleaved");
  api.view(editor.handle(), &view);
  std::uint32_t index = 0;
  CHECK(api.add_value(editor.handle(), &view.values[0], &index, &e) == TK_ALREADY_EXISTS);
  CHECK(std::string(e.message) == "there is a value 'token_embd.weight' already");
}

TEST_CASE("only ops that are there are erased, only ops of others are defined") {
  CHECK(refusal([](tk_graph_editor* editor, const tk_graph_edit& api, tk_error* e) {
          return api.erase_op(editor, 20, e);
        }) == "there is no op 20 to erase, only 20");
  const auto define = [](const char* name, tk_decompose how) {
    return refusal([&](tk_graph_editor* editor, const tk_graph_edit& api, tk_error* e) {
      return api.define_op(editor, text(name), 1, how, e);
    });
  };
  const tk_decompose nothing = [](tk_graph_editor*, const tk_graph_edit*, std::uint32_t, tk_error*) -> tk_status {
    return TK_OK;
  };
  CHECK(define("acme.op", nothing) == "done");
  CHECK(define("tokamak.op", nothing) == "op 'tokamak.op' cannot be defined: it needs a namespace other than 'tokamak.'");
  CHECK(define("op", nothing) == "op 'op' cannot be defined: it needs a namespace other than 'tokamak.'");
  CHECK(define("acme.op", nullptr) == "op 'acme.op' is defined without a decomposition");
}
