// Tensor-parallel ranks: which weights are cut where.
#include "model/graph/cut.hpp"
#include "unit/model_graph/two_layer_graph.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

using namespace tokamak;
using tokamak::test::two_layer_graph;

namespace {

std::map<std::string, weight_slice> by_name(const sliced_graph& sliced) {
  std::map<std::string, weight_slice> slices;
  for (const auto& slice : sliced.slices)
    slices[slice.name] = slice;
  return slices;
}

bool is(const weight_slice& slice, std::uint32_t dim, std::uint64_t begin, std::uint64_t end) {
  return slice.dim == dim && slice.begin == begin && slice.end == end;
}

const graph_op* find_op(const graph& g, std::string_view name, std::size_t nth = 0) {
  for (const auto& op : g.ops())
    if (op.name == name && nth-- == 0)
      return &op;
  return nullptr;
}

} // namespace

TEST_CASE("projections are cut by heads and columns, outputs by input with a sum behind") {
  const auto sliced = slice_tensor(two_layer_graph(2), 1, 2); // 4 heads of 8 over 2 K/V heads, feed-forward 64
  REQUIRE_MESSAGE(sliced, sliced.error().to_string());
  const auto valid = sliced->part.validate();
  CHECK_MESSAGE(valid, valid.error().to_string());
  const auto slices = by_name(*sliced);
  CHECK(slices.size() == 14);
  CHECK(is(slices.at("blk.0.attn_q.weight"), 1, 16, 32));
  CHECK(is(slices.at("blk.0.attn_k.weight"), 1, 8, 16));
  CHECK(is(slices.at("blk.1.attn_v.weight"), 1, 8, 16));
  CHECK(is(slices.at("blk.1.attn_output.weight"), 0, 16, 32));
  CHECK(is(slices.at("blk.0.ffn_gate.weight"), 1, 32, 64));
  CHECK(is(slices.at("blk.0.ffn_up.weight"), 1, 32, 64));
  CHECK(is(slices.at("blk.0.ffn_down.weight"), 0, 32, 64));
  const auto& g = sliced->part;
  CHECK(g.groups()[0].k_width == 8);
  CHECK(g.groups()[0].v_width == 8);
  CHECK(integer_attribute(*find_op(g, "tokamak.attention"), "heads") == 2);
  CHECK(integer_attribute(*find_op(g, "tokamak.attention"), "kv_heads") == 1);
  CHECK(integer_attribute(*find_op(g, "tokamak.rope", 0), "heads") == 2);
  CHECK(integer_attribute(*find_op(g, "tokamak.rope", 1), "heads") == 1);
  const auto* sum = find_op(g, "tokamak.all_reduce");
  REQUIRE(sum != nullptr);
  CHECK(g.values()[sum->inputs[0]].name == "blk.0.attn_out.partial");
  CHECK(g.values()[sum->outputs[0]].name == "blk.0.attn_out");
  CHECK(g.values()[g.find_value("logits")].width() == 50);
  const auto segments = cut_collectives(g);
  REQUIRE(segments);
  CHECK(segments->size() == 5); // two collectives a layer
}

TEST_CASE("ranks together cover every weight, evenly where heads do not divide") {
  std::map<std::string, std::uint64_t> covered;
  for (std::uint32_t rank = 0; rank < 2; ++rank) {
    const auto sliced = slice_tensor(two_layer_graph(1, 3), rank, 2); // 3 K/V heads: 1 and 2
    REQUIRE(sliced);
    CHECK(sliced->part.groups()[0].k_width == (rank == 0 ? 8 : 16));
    CHECK(integer_attribute(*find_op(sliced->part, "tokamak.attention"), "heads") == (rank == 0 ? 2 : 4));
    for (const auto& slice : sliced->slices) {
      CHECK(slice.begin == covered[slice.name]);
      covered[slice.name] = slice.end;
    }
  }
  CHECK(covered.at("blk.0.attn_q.weight") == 48);
  CHECK(covered.at("blk.0.attn_output.weight") == 48);
  CHECK(covered.at("blk.0.ffn_down.weight") == 64);
}

TEST_CASE("a bias is cut with its columns, and added once where outputs are summed") {
  graph g;
  primitive_ops op(g);
  const auto x = g.add_rows("x", 8, TK_VALUE_INPUT);
  const auto h = op.silu("h", op.matmul("up", x, g.add_weight("w1", TK_F32, {8, 6}), g.add_weight("b1", TK_F32, {6})));
  g.set_flags(op.add("y", x, op.matmul("down", h, g.add_weight("w2", TK_F32, {6, 8}), g.add_weight("b2", TK_F32, {8}))),
              TK_VALUE_OUTPUT);
  REQUIRE(g.validate());
  for (std::uint32_t rank = 0; rank < 2; ++rank) {
    const auto sliced = slice_tensor(g, rank, 2);
    REQUIRE(sliced);
    CHECK(sliced->part.validate());
    const auto slices = by_name(*sliced);
    CHECK(is(slices.at("b1"), 0, rank * 3, rank * 3 + 3));
    CHECK(!slices.contains("b2"));
    CHECK((sliced->part.find_value("b2") != no_value) == (rank == 0));
    CHECK((find_op(sliced->part, "tokamak.matmul", 1)->inputs[2] != no_value) == (rank == 0));
  }
}

TEST_CASE("quantised weights are cut at whole blocks") {
  const auto with = [](std::uint64_t ffn) {
    graph g;
    primitive_ops op(g);
    const auto x = g.add_rows("x", 32, TK_VALUE_INPUT);
    const auto h = op.silu("h", op.matmul("up", x, g.add_weight("w1", TK_Q8_0, {32, ffn})));
    g.set_flags(op.add("y", x, op.matmul("down", h, g.add_weight("w2", TK_Q8_0, {ffn, 32}))), TK_VALUE_OUTPUT);
    return g;
  };
  const auto sliced = slice_tensor(with(96), 0, 2);
  REQUIRE(sliced);
  CHECK(is(by_name(*sliced).at("w2"), 0, 0, 32));
  CHECK(is(by_name(*slice_tensor(with(96), 1, 2)).at("w2"), 0, 32, 96));
  CHECK(slice_tensor(with(32), 0, 2).error() ==
        error{errc::unsupported, "rows 'up' have 1 parts, fewer than 2 ranks", ""});
}

TEST_CASE("what cannot be split says why") {
  CHECK(slice_tensor(two_layer_graph(), 2, 2).error() == error{errc::invalid_argument, "rank 2 of 2 ranks", ""});
  CHECK(slice_tensor(two_layer_graph(), 0, 3).error() ==
        error{errc::unsupported, "rows 'blk.0.q' have 2 K/V heads, fewer than 3 ranks", ""});
  graph g;
  primitive_ops op(g);
  g.set_flags(op.silu("y", g.add_rows("x", 4, TK_VALUE_INPUT)), TK_VALUE_OUTPUT);
  CHECK(slice_tensor(g, 0, 2).error() == error{errc::invalid_argument, "nothing in this graph can be split over ranks", ""});
  const auto alone = slice_tensor(two_layer_graph(), 0, 1);
  REQUIRE(alone);
  CHECK(alone->part.print() == two_layer_graph().print());
  CHECK(alone->slices.empty());
}

TEST_CASE("a chain of three matmuls is split once, not twice") {
  graph g;
  primitive_ops op(g);
  const auto x = g.add_rows("x", 8, TK_VALUE_INPUT);
  const auto a = op.silu("a", op.matmul("first", x, g.add_weight("w1", TK_F32, {8, 8})));
  const auto b = op.silu("b", op.matmul("second", a, g.add_weight("w2", TK_F32, {8, 8})));
  g.set_flags(op.add("y", x, op.matmul("third", b, g.add_weight("w3", TK_F32, {8, 8}))), TK_VALUE_OUTPUT);
  const auto sliced = slice_tensor(g, 0, 2);
  REQUIRE(sliced);
  CHECK(sliced->part.validate());
  const auto slices = by_name(*sliced);
  CHECK(is(slices.at("w1"), 1, 0, 4));
  CHECK(is(slices.at("w2"), 0, 0, 4));
  CHECK(!slices.contains("w3"));
}
