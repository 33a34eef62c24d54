// Draft trees: every branch sees exactly its own past, and accepted paths can be moved together.
#include "tiny_model.hpp"

using namespace cpu_test;

namespace {

std::vector<std::vector<float>> decode(engine& e, const std::vector<std::int32_t>& tokens, std::uint32_t context,
                                       const std::vector<std::vector<std::uint32_t>>& tables) {
  std::vector<std::vector<float>> out;
  for (std::uint32_t i = 0; i < tokens.size(); ++i)
    out.push_back(e.run_all({{{tokens[i]}, context + i, tables, {}, {}, {}}})[0]);
  return out;
}

} // namespace

TEST_CASE("a tree's branches give the bits of decoding each branch alone; the accepted one goes on after compaction") {
  std::mt19937 random(printed_seed());
  recipe r;
  r.window = 6;
  const model m = transformer(r);
  const auto prompt = random_tokens(random, 17);
  // Rows: 0 -> 1 -> 3 -> 5, 0 -> 2 -> 4, and 6 another root
  const std::vector<std::int32_t> drafted = random_tokens(random, 7);
  const std::vector<std::int32_t> parents = {-1, 0, 0, 1, 2, 3, -1};
  const std::vector<std::uint32_t> depth = {0, 1, 1, 2, 2, 3, 0};
  const std::vector<std::vector<std::uint32_t>> branches = {{0, 1, 3, 5}, {0, 2, 4}, {6}};
  for (const char* level : levels()) {
    for (const std::uint32_t threads : {1u, 2u}) {
      std::set<std::uint32_t> taken;
      const auto table = random_table(random, taken, 10), other = random_table(random, taken, 10);
      const part start{prompt, 0, {table, table}, {}, {}, {}};
      part tree{drafted, 17, {table, table}, parents, {}, {}};
      for (const auto d : depth) tree.positions.push_back(17 + d);
      part beside{random_tokens(random, 3), 0, {other, other}, {}, {}, {}};

      engine verify(m, level, threads);
      verify.run_all({start});
      const auto verified = verify.run_all({beside, tree});
      for (const auto& branch : branches) {
        engine plain(m, level);
        plain.run_all({start});
        std::vector<std::int32_t> tokens;
        for (const auto row : branch) tokens.push_back(drafted[row]);
        const auto expected = decode(plain, tokens, 17, {table, table});
        for (std::size_t i = 0; i < branch.size(); ++i) REQUIRE(same_bits(verified[3 + branch[i]], expected[i]));
      }

      // Branch 0, 2, 4 was accepted: slots 19 and 21 move to 18 and 19, then decoding goes on.
      engine plain(m, level);
      plain.run_all({start});
      decode(plain, {drafted[0], drafted[2], drafted[4]}, 17, {table, table});
      const auto next = random_tokens(random, 2);
      const auto expected = decode(plain, next, 20, {table, table});
      step go_on({{{next[0]}, 20, {table, table}, {}, {}, {}}}, 2);
      for (std::uint32_t g = 0; g < 2; ++g)
        for (const auto& [from, to] : {std::pair{19u, 18u}, {21u, 19u}})
          go_on.cache_ops.push_back(
              {TK_CACHE_COPY, g, 0, table[from / 4], from % 4, table[to / 4], to % 4, 1, nullptr, 0});
      REQUIRE(same_bits(verify.run(go_on)[0], expected[0]));
      REQUIRE(same_bits(decode(verify, {next[1]}, 21, {table, table})[0], expected[1]));
    }
  }
}

TEST_CASE("in a tree a row continues its parent's recurrent state, and the slot keeps what the last row left") {
  model m;
  m.graph.add_group({"state", TK_GROUP_RECURRENT, 1, 1, 0, 0, 0, 2, TK_F32});
  primitive_ops op(m.graph);
  const auto x = m.graph.add_rows("x", 2, TK_VALUE_INPUT);
  const auto y = op.decay_scan("y", x, 0, 0, 0.5);
  m.graph.set_flags(y, TK_VALUE_OUTPUT);
  for (const char* level : levels()) {
    backend on(level, 2);
    const auto ready = make_program(on, m);
    const auto state = make_cache(on, m, 3);
    buffer in(on, 64), out(on, 64);
    const auto run = [&](std::vector<float> xs, std::vector<std::int32_t> parents) {
      for (std::size_t i = 0; i < xs.size(); ++i) in.data()[2 * i] = in.data()[2 * i + 1] = xs[i];
      step s({{std::vector<std::int32_t>(xs.size(), 0), 4, {{2}}, parents, {}, {}}});
      s.bindings = {{x, in.get(), 0}, {y, out.get(), 0}};
      REQUIRE(submit(on, *ready, state.get(), s.get()) == "");
      std::vector<float> ys;
      for (std::size_t i = 0; i < xs.size(); ++i) ys.push_back(out.data()[2 * i + 1]);
      return ys;
    };
    CHECK(run({4, 8}, {}) == std::vector<float>{4, 10});
    CHECK(run({1, 2, 3, 4, 5}, {-1, 0, 0, 2, -1}) == std::vector<float>{6, 5, 6, 7, 10}); // 5+1, 3+2, 3+3, 3+4, 5+5
    CHECK(run({0}, {}) == std::vector<float>{5});
  }
}
