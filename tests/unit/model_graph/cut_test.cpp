// Where graphs are cut for pipelines and at collectives.
#include "model/graph/cut.hpp"
#include "unit/model_graph/two_layer_graph.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace tokamak;
using tokamak::test::two_layer_graph;

namespace {

std::size_t count(const graph& g, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(g.ops().begin(), g.ops().end(), [&](const auto& op) { return op.name == name; }));
}

std::uint32_t flags(const graph& g, std::string_view name) {
  const auto id = g.find_value(name);
  REQUIRE(id != no_value);
  return g.values()[id].flags;
}

} // namespace

TEST_CASE("pipeline shards are valid, keep their layers and hand the residual stream on") {
  const auto g = two_layer_graph(5);
  const auto shards = cut_layers(g, 3);
  REQUIRE(shards);
  REQUIRE(shards->size() == 3);
  std::uint32_t layers = 0;
  std::size_t ops = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& shard = (*shards)[i];
    const auto valid = shard.part.validate();
    CHECK_MESSAGE(valid, valid.error().to_string());
    REQUIRE(shard.part.groups().size() == 1);
    CHECK(shard.first_layer == std::vector<std::uint32_t>{layers});
    CHECK(count(shard.part, "tokamak.attention") == shard.part.groups()[0].n_layers);
    layers += shard.part.groups()[0].n_layers;
    ops += shard.part.ops().size();
    CHECK(count(shard.part, "tokamak.embed") == (i == 0 ? 1 : 0));
    CHECK(count(shard.part, "tokamak.take_outputs") == (i == 2 ? 1 : 0));
    CHECK(shard.input.empty() == (i == 0));
    CHECK(shard.output.empty() == (i == 2));
    if (i > 0) {
      CHECK(shard.input == (*shards)[i - 1].output);
      CHECK(flags(shard.part, shard.input) == TK_VALUE_INPUT);
      CHECK(flags((*shards)[i - 1].part, shard.input) == TK_VALUE_OUTPUT);
    }
  }
  CHECK(layers == 5);
  CHECK(ops == g.ops().size());
  CHECK((*shards)[0].output == fmt::format("blk.{}.ffn_sum", (*shards)[1].first_layer[0] - 1));
  CHECK(flags((*shards)[2].part, "logits") == TK_VALUE_OUTPUT);
}

TEST_CASE("one shard is the whole graph") {
  const auto g = two_layer_graph();
  const auto shards = cut_layers(g, 1);
  REQUIRE(shards);
  CHECK((*shards)[0].part.print() == g.print());
  CHECK((*shards)[0].input.empty());
  CHECK((*shards)[0].output.empty());
}

TEST_CASE("shards are balanced by the bytes a step reads") {
  // A layer reads (32*32 + 2*32*16 + 32*32 + 3*32*64 + 2*32) * 4 = 37,120 bytes, the output end 50*32*4 + 128 = 6,528.
  const auto shards = cut_layers(two_layer_graph(4), 2);
  REQUIRE(shards);
  CHECK((*shards)[0].step_bytes == 2 * 37120);
  CHECK((*shards)[1].step_bytes == 2 * 37120 + 6528);
  const auto three = cut_layers(two_layer_graph(7), 3); // 3 + 2 + 2 rather than 2 + 2 + 3
  REQUIRE(three);
  CHECK((*three)[0].part.groups()[0].n_layers + (*three)[1].part.groups()[0].n_layers == 5);
  CHECK((*three)[2].part.groups()[0].n_layers == 2);
}

TEST_CASE("a shard without layers of a group keeps the group, empty") {
  graph g;
  primitive_ops op(g);
  const auto a = g.add_group({"a", TK_GROUP_RECURRENT, 2, 1, 0, 0, 0, 4, TK_F32});
  const auto b = g.add_group({"b", TK_GROUP_RECURRENT, 1, 1, 0, 0, 0, 4, TK_F32});
  auto x = g.add_rows("x", 4, TK_VALUE_INPUT);
  x = op.decay_scan("one", x, a, 0, 0.5);
  x = op.decay_scan("two", x, b, 0, 0.5);
  x = op.decay_scan("three", x, a, 1, 0.5);
  g.set_flags(x, TK_VALUE_OUTPUT);
  const auto shards = cut_layers(g, 3);
  REQUIRE(shards);
  CHECK((*shards)[1].part.groups()[0].n_layers == 0);
  CHECK((*shards)[1].part.groups()[1].n_layers == 1);
  CHECK((*shards)[2].part.groups()[0].n_layers == 1);
  CHECK((*shards)[2].first_layer == std::vector<std::uint32_t>{1, 1});
  CHECK(integer_attribute((*shards)[2].part.ops()[0], "layer") == 0);
  for (const auto& shard : *shards)
    CHECK(shard.part.validate());
}

TEST_CASE("more shards than layers and no shards are refused") {
  CHECK(cut_layers(two_layer_graph(2), 3).error() ==
        error{errc::invalid_argument, "a model of 2 layers cannot be cut into 3 shards", ""});
  CHECK(cut_layers(two_layer_graph(2), 0).error() ==
        error{errc::invalid_argument, "a model cannot be cut into 0 shards", ""});
}

TEST_CASE("a graph without collectives is one segment") {
  const auto g = two_layer_graph();
  const auto segments = cut_collectives(g);
  REQUIRE(segments);
  REQUIRE(segments->size() == 1);
  CHECK((*segments)[0].part.print() == g.print());
  CHECK((*segments)[0].partial.empty());
}

TEST_CASE("values alive across a collective are outputs once and inputs wherever they are read") {
  graph g;
  primitive_ops op(g);
  const auto x = g.add_rows("x", 4, TK_VALUE_INPUT);
  const auto kept = op.silu("kept", x);
  const auto sum1 = op.all_reduce("sum1", op.scale("half1", x, 0.5));
  const auto sum2 = op.all_reduce("sum2", op.scale("half2", sum1, 0.5));
  g.set_flags(op.add("y", op.add("both", sum2, kept), x), TK_VALUE_OUTPUT);
  const auto segments = cut_collectives(g);
  REQUIRE(segments);
  REQUIRE(segments->size() == 3);
  const auto& s = *segments;
  for (const auto& segment : s)
    CHECK(segment.part.validate());
  CHECK(s[0].partial == "half1");
  CHECK(s[0].reduced == "sum1");
  CHECK(s[1].partial == "half2");
  CHECK(s[2].partial.empty());
  CHECK(flags(s[0].part, "half1") == TK_VALUE_OUTPUT);
  CHECK(flags(s[0].part, "kept") == TK_VALUE_OUTPUT);
  CHECK(flags(s[1].part, "sum1") == TK_VALUE_INPUT);
  CHECK(s[1].part.find_value("kept") == no_value);
  CHECK(flags(s[2].part, "kept") == TK_VALUE_INPUT);
  CHECK(flags(s[2].part, "x") == TK_VALUE_INPUT);
  CHECK(flags(s[2].part, "y") == TK_VALUE_OUTPUT);
}

TEST_CASE("a collective whose result is an output of the graph is refused") {
  graph g;
  primitive_ops op(g);
  g.set_flags(op.all_reduce("y", op.silu("s", g.add_rows("x", 4, TK_VALUE_INPUT))), TK_VALUE_OUTPUT);
  CHECK(cut_collectives(g).error() ==
        error{errc::unsupported, "the result 'y' of a collective is an output of the graph: no segment would write it", ""});
}
