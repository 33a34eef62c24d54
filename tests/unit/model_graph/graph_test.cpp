// Graphs: building, the ABI's view, the rules that hold for every graph.
#include "unit/model_graph/two_layer_graph.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace tokamak;
using tokamak::test::two_layer_graph;

namespace {

std::string text(tk_string s) { return {s.data, s.size}; }

std::string refusal(const graph& g) {
  const auto result = g.validate();
  return result ? std::string("valid") : result.error().to_string();
}

} // namespace

TEST_CASE("a graph built by primitive ops is valid") { CHECK(refusal(two_layer_graph()) == "valid"); }

TEST_CASE("the view shows values, ops, attributes and groups as they were built") {
  const auto g = two_layer_graph();
  const auto view = g.view();
  REQUIRE(view.n_values == g.values().size());
  REQUIRE(view.n_ops == g.ops().size());
  REQUIRE(view.n_groups == 1);
  CHECK(view.size == sizeof(tk_graph_view));
  CHECK(text(view.groups[0].name) == "full");
  CHECK(view.groups[0].n_layers == 2);
  CHECK(view.groups[0].k_width == 16);
  CHECK(text(view.ops[0].name) == "tokamak.embed");
  CHECK(text(view.values[view.ops[0].inputs[0]].name) == "token_embd.weight");
  CHECK(view.values[0].dims[1] == 50);
  CHECK(view.values[0].dims[2] == 1);
  const auto& rope = view.ops[3];
  REQUIRE(text(rope.name) == "tokamak.rope");
  CHECK(rope.inputs[1] == TK_NO_VALUE);
  bool style_seen = false;
  for (std::uint32_t i = 0; i < rope.n_attributes; ++i)
    if (text(rope.attributes[i].name) == "style") {
      style_seen = true;
      CHECK(rope.attributes[i].type == TK_STRING);
      CHECK(text(rope.attributes[i].string) == "interleaved");
    } else if (text(rope.attributes[i].name) == "heads") {
      CHECK(rope.attributes[i].type == TK_INTEGER);
      CHECK(rope.attributes[i].integer == 4);
    } else if (text(rope.attributes[i].name) == "freq_base") {
      CHECK(rope.attributes[i].real == 10000);
    }
  CHECK(style_seen);
}

TEST_CASE("the view survives a move of the graph and a copy has its own") {
  auto g = two_layer_graph();
  const auto view = g.view();
  const graph copy = g;
  const graph moved = std::move(g);
  CHECK(text(view.values[0].name) == "token_embd.weight");
  CHECK(moved.view().values == view.values);
  CHECK(copy.view().values != view.values);
  CHECK(text(copy.view().ops[0].name) == "tokamak.embed");
}

TEST_CASE("an edit makes a new view") {
  auto g = two_layer_graph();
  const auto before = g.view().n_values;
  g.add_rows("more", 4);
  CHECK(g.view().n_values == before + 1);
  CHECK(text(g.view().values[before].name) == "more");
}

TEST_CASE("attributes of arrays reach the view") {
  graph g;
  g.add_op({"acme.table", 1, {}, {}, {{"points", std::vector<double>{1.5, 2.5}}}, 0});
  const auto view = g.view();
  REQUIRE(view.ops[0].n_attributes == 1);
  CHECK(view.ops[0].attributes[0].type == TK_ARRAY);
  REQUIRE(view.ops[0].attributes[0].n_reals == 2);
  CHECK(view.ops[0].attributes[0].reals[1] == 2.5);
}

TEST_CASE("serials tell ops apart while positions move") {
  auto g = two_layer_graph();
  const auto serial = g.ops()[5].serial;
  g.erase_op(0);
  CHECK(g.ops()[4].serial == serial);
  g.insert_op(0, {"acme.noop", 1, {}, {}, {}, 0});
  CHECK(g.ops()[5].serial == serial);
  CHECK(g.ops()[0].serial > serial);
}

TEST_CASE("values must be written before they are read, and once") {
  graph g;
  const auto x = g.add_rows("x", 8, TK_VALUE_INPUT);
  const auto y = g.add_rows("y", 8);
  const auto z = g.add_rows("z", 8);
  SUBCASE("too early") {
    g.add_op({"tokamak.silu", 1, {y}, {z}, {}, 0});
    g.add_op({"tokamak.silu", 1, {x}, {y}, {}, 0});
    CHECK(refusal(g) == "op 0 (tokamak.silu): reads 'y' before it is written (invalid_argument)");
  }
  SUBCASE("twice") {
    g.add_op({"tokamak.silu", 1, {x}, {y}, {}, 0});
    g.add_op({"tokamak.gelu", 1, {x}, {y}, {}, 0});
    CHECK(refusal(g) == "op 1 (tokamak.gelu): writes 'y', which is written already (invalid_argument)");
  }
  SUBCASE("an input") {
    g.add_op({"tokamak.silu", 1, {x}, {x}, {}, 0});
    CHECK(refusal(g) == "op 0 (tokamak.silu): writes 'x', which is an input of the graph (invalid_argument)");
  }
  SUBCASE("a weight") {
    const auto w = g.add_weight("w", TK_F32, {8});
    g.add_op({"acme.train", 1, {x}, {w}, {}, 0});
    CHECK(refusal(g) == "op 0 (acme.train): writes the weight 'w' (invalid_argument)");
  }
  SUBCASE("never, though an output") {
    g.set_flags(z, TK_VALUE_OUTPUT);
    CHECK(refusal(g) == "value 'z': is an output, but no op writes it (invalid_argument)");
  }
  SUBCASE("out of range") {
    g.add_op({"tokamak.silu", 1, {77}, {y}, {}, 0});
    CHECK(refusal(g) == "op 0 (tokamak.silu): reads value 77 of 3 (invalid_argument)");
  }
}

TEST_CASE("values are checked for names, kinds and dimensions") {
  graph g;
  SUBCASE("same name") {
    g.add_rows("x", 8);
    g.add_rows("x", 8);
    CHECK(refusal(g) == "value 'x': two values have this name (invalid_argument)");
  }
  SUBCASE("no name") {
    g.add_rows("", 8);
    CHECK(refusal(g) == "a value has no name (invalid_argument)");
  }
  SUBCASE("kind") {
    g.add_value({"x", 9, TK_F32, {8}, 0});
    CHECK(refusal(g) == "value 'x': kind 9 is none of weight, rows, output rows (invalid_argument)");
  }
  SUBCASE("zero") {
    g.add_weight("w", TK_F32, {8, 0});
    CHECK(refusal(g) == "value 'w': a dimension is 0, expected 1 to 2^31-1 (invalid_argument)");
  }
  SUBCASE("five dimensions") {
    g.add_weight("w", TK_F32, {1, 1, 1, 1, 1});
    CHECK(refusal(g) == "value 'w': has 5 dimensions, expected 1 to 4 (invalid_argument)");
  }
  SUBCASE("rows of two dimensions") {
    g.add_value({"x", TK_ROWS, TK_F32, {8, 2}, 0});
    CHECK(refusal(g) == "value 'x': rows have one dimension and format f32 (invalid_argument)");
  }
  SUBCASE("flags of a weight") {
    g.add_value({"w", TK_WEIGHT, TK_F32, {8}, TK_VALUE_INPUT});
    CHECK(refusal(g) == "value 'w': a weight can be neither input nor output of the graph (invalid_argument)");
  }
}

TEST_CASE("cache groups are checked") {
  graph g;
  SUBCASE("paged") {
    g.add_group({"full", TK_GROUP_FULL, 1, 0, 0, 8, 8, 0, TK_F16});
    CHECK(refusal(g) == "cache group 'full': a paged group needs block_size, k_width and v_width > 0, found 0, 8 and 8 "
                        "(invalid_argument)");
  }
  SUBCASE("sliding") {
    g.add_group({"near", TK_GROUP_SLIDING, 1, 4, 0, 8, 8, 0, TK_F16});
    CHECK(refusal(g) == "cache group 'near': a sliding group needs window > 0 (invalid_argument)");
  }
  SUBCASE("recurrent") {
    g.add_group({"state", TK_GROUP_RECURRENT, 1, 4, 0, 0, 0, 16, TK_F32});
    CHECK(refusal(g) == "cache group 'state': a recurrent group needs state_width > 0 and block_size 1, found 16 and 4 "
                        "(invalid_argument)");
  }
}

TEST_CASE("an op without a namespace is refused, one of another namespace passes") {
  graph g;
  g.add_op({"acme.thing", 3, {}, {}, {}, 0});
  CHECK(refusal(g) == "valid");
  g.add_op({"thing", 1, {}, {}, {}, 0});
  CHECK(refusal(g) == "op 1 (thing): an op's name needs a namespace, as in 'acme.fused_norm' (invalid_argument)");
}

TEST_CASE("attention needs a kv_write before it, except in a segment") {
  auto g = two_layer_graph(1);
  std::size_t at = 0;
  while (g.ops()[at].name != "tokamak.kv_write")
    ++at;
  g.erase_op(at);
  CHECK(refusal(g) == "op 7 (tokamak.attention): layer 0 of cache group 'full' is read, but no kv_write before fills it "
                      "(invalid_argument)");
  g.add_rows("from_before", 4, TK_VALUE_INPUT);
  CHECK(refusal(g) == "valid");
}

TEST_CASE("printing names every value and op") {
  const auto printed = two_layer_graph(1).print();
  CHECK(printed.find("cache group 0 full: full, 1 layers, blocks of 4 tokens, K 16 V 16 in F16\n") != std::string::npos);
  CHECK(printed.find("value 0 token_embd.weight: weight [32, 50] F32\n") != std::string::npos);
  CHECK(printed.find("op 0 tokamak.embed(token_embd.weight) scale=1 -> embedding\n") != std::string::npos);
  CHECK(printed.find("tokamak.matmul(normed, token_embd.weight, -) -> logits\n") != std::string::npos);
}
