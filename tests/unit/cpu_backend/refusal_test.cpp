// Graphs, weights and cache groups that the backend cannot take, each with its exact message.
#include "tiny_model.hpp"

using namespace cpu_test;

namespace {

std::string program_error(const model& m) {
  backend on(levels().back());
  std::string error;
  make_program(on, m, &error);
  return error;
}

std::string cache_error(tokamak::graph_cache_group group) {
  model m;
  m.graph.add_group(std::move(group));
  backend on(levels().back());
  std::string error;
  make_cache(on, m, 4, &error);
  return error;
}

/// x [64] times a weight [k, n] of a format.
std::string matmul_error(std::uint32_t format, std::uint64_t k, std::uint64_t n, std::uint64_t x_width) {
  model m;
  primitive_ops op(m.graph);
  const auto x = m.graph.add_rows("x", x_width, TK_VALUE_INPUT);
  const auto w = m.graph.add_weight("w", format, {k, n});
  m.data[w] = std::vector<std::byte>(k * n * 4);
  op.matmul("y", x, w);
  return program_error(m);
}

} // namespace

TEST_CASE("weights that are missing, short or of an unknown type are named") {
  model m = transformer();
  const auto w = m.graph.find_value("layer1.up.w");
  auto full = m.data[w];
  m.data[w].resize(100);
  CHECK(program_error(m) ==
        "1: the weight 'layer1.up.w' has 100 bytes, its shape needs " + std::to_string(full.size()));
  m.data.erase(w);
  CHECK(program_error(m) == "1: no data is given for the weight 'layer1.up.w'");
  CHECK(matmul_error(16, 256, 4, 256) ==
        "4: op 0 (tokamak.matmul): weight 'w' has tensor type 16 (IQ2_XXS), for which there are no kernels; there are for "
        "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K");
  CHECK(matmul_error(99, 256, 4, 256).find("has tensor type 99 (unknown), for which") != std::string::npos);
  CHECK(matmul_error(TK_Q8_0, 48, 4, 48) ==
        "4: op 0 (tokamak.matmul): weight 'w': q8_0 rows hold whole blocks of 32 weights, not 48");
  CHECK(matmul_error(TK_F32, 48, 4, 50) == "1: op 0 (tokamak.matmul): weight 'w' takes rows of 48, but 'x' has 50");
}

TEST_CASE("data for a value that is no weight is refused") {
  model m = transformer();
  m.data[m.graph.find_value("logits")] = std::vector<std::byte>(8);
  CHECK(program_error(m) == "1: data is given for value " + std::to_string(m.graph.find_value("logits")) +
                                ", which is no weight of the graph");
}

TEST_CASE("ops that cannot run are named with their place") {
  model m = transformer();
  primitive_ops op(m.graph);
  op.all_reduce("sum", m.graph.find_value("layer1.y"));
  const auto last = std::to_string(m.graph.ops().size() - 1);
  CHECK(program_error(m) ==
        "4: op " + last +
            " (tokamak.all_reduce): version 1 is not known to the cpu backend, and no kernel for it is given");

  model wide;
  wide.graph.add_group({"full", TK_GROUP_FULL, 1, 16, 0, 1024, 1024, 0, TK_F16});
  primitive_ops wide_op(wide.graph);
  wide_op.attention("a", wide.graph.add_rows("q", 1024, TK_VALUE_INPUT), {0, 0, 1, 1, 1024, 1, 0});
  CHECK(program_error(wide) == "4: op 0 (tokamak.attention): heads wider than 512 are not known to the cpu backend");

  model bare;
  const auto x = bare.graph.add_rows("x", 8, TK_VALUE_INPUT), y = bare.graph.add_rows("y", 8);
  bare.graph.add_op({"tokamak.scale", 1, {x}, {y}, {}, 0});
  CHECK(program_error(bare) == "1: op 0 (tokamak.scale): lacks the attribute 'factor'");
  model whole;
  const auto a = whole.graph.add_rows("x", 8, TK_VALUE_INPUT), b = whole.graph.add_rows("y", 8);
  whole.graph.add_op({"tokamak.scale", 1, {a}, {b}, {{"factor", std::int64_t{2}}}, 0});
  CHECK(program_error(whole) == "1: op 0 (tokamak.scale): attribute 'factor' is no real");
}

TEST_CASE("cache groups of an unknown kind or format are refused") {
  CHECK(cache_error({"kv", TK_GROUP_FULL, 1, 16, 0, 64, 64, 0, TK_Q8_0}) ==
        "4: cache group 'kv': format 8; the cpu backend keeps K and V as f16 (1) or f32 (0)");
  CHECK(cache_error({"kv", TK_GROUP_SLIDING, 1, 0, 8, 64, 64, 0, TK_F16}) ==
        "1: cache group 'kv': block_size, k_width and v_width must be above 0");
  CHECK(cache_error({"latent", 9, 1, 16, 0, 64, 64, 0, TK_F16}) ==
        "4: cache group 'latent': kind 9 is not known to the cpu backend");
}
