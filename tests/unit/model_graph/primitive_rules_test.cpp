// What each primitive op refuses, with its message.
#include "unit/model_graph/two_layer_graph.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace tokamak;

namespace {

/// A graph with values to write ops on; x and y have 32 columns.
struct bench {
  graph g;
  value_id x, y, out, outputs, w, table;

  bench() {
    g.add_group({"full", TK_GROUP_FULL, 2, 4, 0, 16, 16, 0, TK_F16});
    g.add_group({"state", TK_GROUP_RECURRENT, 1, 1, 0, 0, 0, 32, TK_F32});
    x = g.add_rows("x", 32, TK_VALUE_INPUT);
    y = g.add_rows("y", 16, TK_VALUE_INPUT);
    out = g.add_rows("out", 32);
    outputs = g.add_output_rows("outputs", 32);
    w = g.add_weight("w", TK_F32, {32});
    table = g.add_weight("table", TK_F32, {32, 16});
  }

  std::string refusal(const char* name, std::vector<value_id> inputs, std::vector<value_id> outs,
                      std::vector<graph_attribute> attributes = {}) {
    g.add_op({name, 1, std::move(inputs), std::move(outs), std::move(attributes), 0});
    const auto result = g.validate();
    return result ? std::string("valid") : result.error().message;
  }
};

using i64 = std::int64_t;

std::vector<graph_attribute> rope_attributes() {
  return {{"heads", i64{4}}, {"head_dim", i64{8}}, {"rotary_dims", i64{8}}, {"style", std::string("halves")},
          {"freq_base", 10000.0}};
}

std::vector<graph_attribute> attention_attributes() {
  return {{"group", i64{0}}, {"layer", i64{0}}, {"heads", i64{4}}, {"kv_heads", i64{2}}, {"head_dim", i64{8}},
          {"scale", 0.35}};
}

} // namespace

TEST_CASE("unknown primitives and versions are refused") {
  CHECK(bench().refusal("tokamak.fly", {}, {}) == "no primitive op has the name 'tokamak.fly'");
  bench b;
  b.g.add_op({"tokamak.silu", 2, {b.x}, {b.out}, {}, 0});
  CHECK(b.g.validate().error() == error{errc::unsupported, "version 2, expected 1", "op 0 (tokamak.silu)"});
}

TEST_CASE("inputs and outputs are counted and have kinds") {
  bench b;
  CHECK(bench().refusal("tokamak.add", {b.x}, {b.out}) == "has 1 inputs, expected 2");
  CHECK(bench().refusal("tokamak.silu", {b.x}, {}) == "has 0 outputs, expected 1");
  CHECK(bench().refusal("tokamak.add", {b.x, no_value}, {b.out}) == "input 1 is absent, expected the kind of input 0");
  CHECK(bench().refusal("tokamak.add", {b.x, b.w}, {b.out}) ==
        "input 1 'w' has the wrong kind, expected the kind of input 0");
  CHECK(bench().refusal("tokamak.silu", {b.x}, {b.outputs}) ==
        "output 0 'outputs' has the wrong kind, expected the kind of input 0");
  CHECK(bench().refusal("tokamak.take_outputs", {b.x}, {b.out}) ==
        "output 0 'out' has the wrong kind, expected output rows");
  CHECK(bench().refusal("tokamak.rms_norm", {b.x, b.y}, {b.out}, {{"eps", 1e-5}}) ==
        "input 1 'y' has the wrong kind, expected a weight");
}

TEST_CASE("attributes must be known, present, typed and single") {
  bench b;
  CHECK(bench().refusal("tokamak.rms_norm", {b.x, b.w}, {b.out}) == "needs the attribute 'eps'");
  CHECK(bench().refusal("tokamak.rms_norm", {b.x, b.w}, {b.out}, {{"eps", i64{1}}}) ==
        "attribute 'eps' is an integer, expected a real number");
  CHECK(bench().refusal("tokamak.rms_norm", {b.x, b.w}, {b.out}, {{"eps", 1e-5}, {"epsilon", 1e-5}}) ==
        "unknown attribute 'epsilon'");
  CHECK(bench().refusal("tokamak.rms_norm", {b.x, b.w}, {b.out}, {{"eps", 1e-5}, {"eps", 1e-6}}) ==
        "attribute 'eps' is given twice");
  CHECK(bench().refusal("tokamak.rms_norm", {b.x, b.w}, {b.out}, {{"eps", -1.0}}) ==
        "attribute 'eps' is -1, expected a number of at least 0");
  CHECK(bench().refusal("tokamak.scale", {b.x}, {b.out}, {{"factor", std::nan("")}}) ==
        "attribute 'factor' is not a number");
  CHECK(bench().refusal("tokamak.softcap", {b.x}, {b.out}, {{"cap", 0.0}}) ==
        "attribute 'cap' is 0, expected a number above 0");
  CHECK(bench().refusal("tokamak.glu", {b.x, b.x}, {b.out}, {{"activation", std::string("relu")}}) ==
        "attribute 'activation' is \"relu\", expected \"silu\" or \"gelu\"");
}

TEST_CASE("shapes of weights must fit the rows") {
  bench b;
  CHECK(bench().refusal("tokamak.embed", {b.w}, {b.out}) == "'w' is [32], expected two dimensions");
  CHECK(bench().refusal("tokamak.embed", {b.table}, {b.out}) == "valid");
  CHECK(bench().refusal("tokamak.matmul", {b.y, b.table, no_value}, {b.out}) ==
        "weight 'table' is [32, 16], expected [16, N]");
  CHECK(bench().refusal("tokamak.matmul", {b.x, b.table, no_value}, {b.out}) == "'out' is [32], expected [16]");
  CHECK(bench().refusal("tokamak.matmul", {b.x, b.table, b.w}, {b.out}) == "'w' is [32], expected [16]");
  CHECK(bench().refusal("tokamak.rms_norm", {b.y, b.w}, {b.out}, {{"eps", 1e-5}}) ==
        "weight 'w' is [32], expected one dimension that divides 16");
  CHECK(bench().refusal("tokamak.add", {b.x, b.y}, {b.out}) == "'y' is [16], expected [32]");
}

TEST_CASE("rope checks heads, dimensions and style") {
  bench b;
  CHECK(bench().refusal("tokamak.rope", {b.x, no_value}, {b.out}, rope_attributes()) == "valid");
  auto wrong = rope_attributes();
  wrong[0].value = i64{0};
  CHECK(bench().refusal("tokamak.rope", {b.x, no_value}, {b.out}, wrong) ==
        "attribute 'heads' is 0, expected 1 to 2^31-1");
  wrong = rope_attributes();
  wrong[0].value = i64{3};
  CHECK(bench().refusal("tokamak.rope", {b.x, no_value}, {b.out}, wrong) == "'x' is [32], expected [24]");
  wrong = rope_attributes();
  wrong[2].value = i64{7};
  CHECK(bench().refusal("tokamak.rope", {b.x, no_value}, {b.out}, wrong) ==
        "attribute 'rotary_dims' is 7, expected an even number of at most 8");
  wrong = rope_attributes();
  wrong[3].value = std::string("spiral");
  CHECK(bench().refusal("tokamak.rope", {b.x, no_value}, {b.out}, wrong) ==
        "attribute 'style' is \"spiral\", expected \"interleaved\" or \"halves\"");
  wrong = rope_attributes();
  wrong[4].value = 0.0;
  CHECK(bench().refusal("tokamak.rope", {b.x, no_value}, {b.out}, wrong) ==
        "attribute 'freq_base' is 0, expected a number above 0");
  wrong = rope_attributes();
  wrong.push_back({"ext_factor", 1.0});
  CHECK(bench().refusal("tokamak.rope", {b.x, no_value}, {b.out}, wrong) ==
        "YaRN (attribute 'ext_factor') needs the attribute 'original_context'");
  CHECK(bench().refusal("tokamak.rope", {b.x, b.w}, {b.out}, rope_attributes()) == "'w' is [32], expected [4]");
}

TEST_CASE("attention and kv_write must fit their cache group") {
  bench b;
  CHECK(bench().refusal("tokamak.attention", {b.x}, {b.out}, attention_attributes()) == "valid");
  auto wrong = attention_attributes();
  wrong[0].value = i64{2};
  CHECK(bench().refusal("tokamak.attention", {b.x}, {b.out}, wrong) == "cache group 2 of 2");
  wrong[0].value = i64{1};
  CHECK(bench().refusal("tokamak.attention", {b.x}, {b.out}, wrong) ==
        "cache group 'state' is recurrent, expected a paged one");
  wrong = attention_attributes();
  wrong[1].value = i64{2};
  CHECK(bench().refusal("tokamak.attention", {b.x}, {b.out}, wrong) == "layer 2 of cache group 'full', which has 2");
  wrong = attention_attributes();
  wrong[2].value = i64{3};
  CHECK(bench().refusal("tokamak.attention", {b.x}, {b.out}, wrong) == "3 heads are no multiple of 2 kv_heads");
  wrong = attention_attributes();
  wrong[4].value = i64{4};
  CHECK(bench().refusal("tokamak.attention", {b.x}, {b.out}, wrong) ==
        "2 kv_heads of 4 do not fit cache group 'full' with K 16 and V 16");
  const std::vector<graph_attribute> layer = {{"group", i64{0}}, {"layer", i64{1}}};
  CHECK(bench().refusal("tokamak.kv_write", {b.y, b.x}, {}, layer) == "'x' is [32], expected [16]");
  bench twice;
  CHECK(twice.refusal("tokamak.kv_write", {b.y, b.y}, {}, layer) == "valid");
  CHECK(twice.refusal("tokamak.kv_write", {b.y, b.y}, {}, layer) ==
        "layer 1 of cache group 'full' is written already");
}

TEST_CASE("decay_scan needs a recurrent group of its width") {
  bench b;
  const std::vector<graph_attribute> good = {{"group", i64{1}}, {"layer", i64{0}}, {"decay", 0.5}};
  CHECK(bench().refusal("tokamak.decay_scan", {b.x}, {b.out}, good) == "valid");
  CHECK(bench().refusal("tokamak.decay_scan", {b.y}, {b.out}, good) == "'y' is [16], expected [32]");
  const std::vector<graph_attribute> paged = {{"group", i64{0}}, {"layer", i64{0}}, {"decay", 0.5}};
  CHECK(bench().refusal("tokamak.decay_scan", {b.x}, {b.out}, paged) ==
        "cache group 'full' is paged, expected a recurrent one");
}
