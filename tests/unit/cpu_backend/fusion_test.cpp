// operator_fusion changes no bit: what the fused ops compute is what their parts compute, in steps of any shape, on any level and any
// number of threads; and what they fall apart into again, too.
#include "fused_model.hpp"
#include "random_steps.hpp"

using namespace cpu_test;

namespace {

std::vector<recipe> recipes() {
  recipe plain, sliding, normed, floats;
  sliding.window = 7;
  sliding.recurrent = true;
  normed.formats = {TK_Q4_1, TK_Q5_0};
  normed.head_norms = normed.post_norms = normed.halves = true;
  normed.window = 9;
  normed.softcap = 2;
  floats.formats = {TK_F32, TK_F16};
  floats.kv_format = TK_F32;
  floats.block_size = 5;
  return {plain, sliding, normed, floats};
}

void require_same(const std::vector<sequence>& a, const std::vector<sequence>& b) {
  for (std::size_t s = 0; s < a.size(); ++s) {
    REQUIRE(a[s].logits.size() == b[s].logits.size());
    for (std::size_t t = 0; t < a[s].logits.size(); ++t) REQUIRE(same_bits(a[s].logits[t], b[s].logits[t]));
  }
}

} // namespace

TEST_CASE("a fused model has the bits of the model, alone and in any batch, chunks, blocks and threads") {
  std::mt19937 random(printed_seed());
  for (const recipe& r : recipes()) {
    const model m = transformer(r), f = fused(m);
    CHECK(count_ops(f, "fused.attention") == 2);
    CHECK(count_ops(f, "fused.matmul") == 5); // Q, K and V, gate and up of two layers, and the output matrix
    for (const auto* gone : {"tokamak.rms_norm", "tokamak.rope", "tokamak.kv_write", "tokamak.attention", "tokamak.glu"}) CHECK(count_ops(f, gone) == 0);
    const auto sequences = some_sequences(random);
    for (const char* level : levels()) {
      CAPTURE(level);
      const auto alone = run_all(m, level, 1, sequences, random, true);
      for (const std::uint32_t threads : {1u, 2u, 3u}) require_same(alone, run_all(f, level, threads, sequences, random, false));
    }
  }
}

TEST_CASE("decomposed again, fused ops have the same bits") {
  std::mt19937 random(printed_seed());
  for (const recipe& r : recipes()) {
    const model m = transformer(r);
    model f = fused(m);
    const auto only_primitives = [](const tk_graph_view& view, std::uint32_t op) {
      return std::string_view(view.ops[op].name.data, view.ops[op].name.size).starts_with("tokamak.");
    };
    const auto done = tokamak::decompose_unsupported(f.graph, only_primitives);
    REQUIRE_MESSAGE(done, done.error().to_string());
    const auto sequences = some_sequences(random);
    for (const char* level : levels()) require_same(run_all(m, level, 1, sequences, random, true), run_all(f, level, 2, sequences, random, false));
  }
}

TEST_CASE("what follows the last attention is computed for output rows only") {
  const model f = fused(transformer());
  const auto& ops = f.graph.ops();
  const auto last = [&](std::string_view name) {
    for (std::size_t i = ops.size(); i-- > 0;)
      if (ops[i].name == name) return i;
    return std::size_t{0};
  };
  CHECK(last("tokamak.take_outputs") < last("tokamak.matmul")); // the down projection of the last layer
  CHECK(last("fused.attention") < last("tokamak.take_outputs"));
  for (std::size_t i = last("tokamak.take_outputs") + 1; i < ops.size(); ++i)
    for (const auto out : ops[i].outputs) CHECK(f.graph.values()[out].kind == TK_OUTPUT_ROWS);
}

TEST_CASE("draft trees through fused ops have the bits of the model's own") {
  std::mt19937 random(printed_seed());
  for (const recipe& r : recipes()) {
    if (r.recurrent) continue; // tree_test.cpp
    const model m = transformer(r), f = fused(m);
    const auto groups = m.graph.groups().size();
    const auto prompt = random_tokens(random, 17), drafted = random_tokens(random, 7);
    std::set<std::uint32_t> taken;
    const std::vector<std::vector<std::uint32_t>> tables(groups, random_table(random, taken, 10));
    const part start{prompt, 0, tables, {}, {}, {}};
    const part tree{drafted, 17, tables, {-1, 0, 0, 1, 2, 3, -1}, {17, 18, 18, 19, 19, 20, 17}, {}};
    for (const char* level : levels()) {
      engine plain(m, level, 1), quick(f, level, 2);
      plain.run_all({start});
      quick.run_all({start});
      const auto expected = plain.run_all({tree}), got = quick.run_all({tree});
      for (std::size_t row = 0; row < expected.size(); ++row) REQUIRE(same_bits(expected[row], got[row]));
    }
  }
}
