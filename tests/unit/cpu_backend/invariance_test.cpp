// Batch invariance (DESIGN.md 4): a sequence's logits have the same bits whatever shares its steps, however its prompt
// is cut, on any number of threads, in any blocks.
#include "random_steps.hpp"

using namespace cpu_test;

TEST_CASE("logits have the same bits alone and in any batch, chunks, blocks and threads") {
  std::mt19937 random(printed_seed());
  recipe with_all;
  with_all.window = 7;
  with_all.recurrent = true;
  recipe floats;
  floats.formats = {TK_F32, TK_F16};
  floats.kv_format = TK_F32;
  floats.block_size = 5;
  recipe capped;
  capped.formats = {TK_Q4_1};
  capped.softcap = 2;
  capped.halves = true;
  for (const recipe& r : {with_all, floats, capped}) {
    const model m = transformer(r);
    const auto sequences = some_sequences(random);
    for (const char* level : levels()) {
      CAPTURE(level);
      const auto alone = run_all(m, level, 1, sequences, random, true);
      for (const std::uint32_t threads : {1u, 2u, 3u}) {
        const auto together = run_all(m, level, threads, sequences, random, false);
        for (std::size_t s = 0; s < alone.size(); ++s)
          for (std::size_t t = 0; t < alone[s].logits.size(); ++t)
            REQUIRE(same_bits(alone[s].logits[t], together[s].logits[t]));
      }
    }
  }
}

TEST_CASE("a long context split over threads decodes to the same bits") {
  std::mt19937 random(printed_seed());
  recipe r;
  r.block_size = 16;
  r.window = 300;
  const model m = transformer(r);
  const auto tokens = random_tokens(random, 600);
  for (const char* level : levels()) {
    std::vector<std::vector<float>> first;
    for (const std::uint32_t threads : {1u, 2u, 4u}) {
      engine e(m, level, threads);
      std::set<std::uint32_t> taken;
      const auto table = random_table(random, taken, 40);
      part p{{tokens.begin(), tokens.end() - 2}, 0, {table, table}, {}, {}, {}};
      step prompt({p}, 2);
      e.run(prompt);
      std::vector<std::vector<float>> decoded;
      for (std::uint32_t i = 598; i < 600; ++i) {
        part one{{tokens[i]}, i, {table, table}, {}, {}, {}};
        decoded.push_back(e.run_all({one})[0]);
      }
      if (first.empty()) first = decoded;
      for (std::size_t i = 0; i < 2; ++i) CHECK(same_bits(first[i], decoded[i]));
    }
  }
}

TEST_CASE("a graph cut into two programs that share a cache gives the same bits") {
  std::mt19937 random(printed_seed());
  const model m = transformer();
  const auto tokens = random_tokens(random, 20);
  // The cut: everything up to "layer0.y" in one program, the rest in another.
  model head = m, tail = m;
  const auto middle = m.graph.find_value("layer0.y");
  std::size_t cut = 0;
  while (m.graph.ops()[cut].outputs.empty() || m.graph.ops()[cut].outputs[0] != middle) ++cut;
  while (head.graph.ops().size() > cut + 1) head.graph.erase_op(cut + 1);
  for (std::size_t i = 0; i <= cut; ++i) tail.graph.erase_op(0);
  head.graph.set_flags(m.graph.find_value("logits"), 0);
  head.graph.set_flags(middle, TK_VALUE_OUTPUT);
  tail.graph.set_flags(middle, TK_VALUE_INPUT);
  for (const char* level : levels()) {
    engine whole(m, level, 2);
    std::set<std::uint32_t> taken;
    const auto table = random_table(random, taken, 6);
    const part first{{tokens.begin(), tokens.begin() + 13}, 0, {table}, {}, {}, {}};
    const part second{{tokens.begin() + 13, tokens.end()}, 13, {table}, {}, {}, {}};
    auto expected = whole.run_all({first});
    for (auto& row : whole.run_all({second})) expected.push_back(row);

    engine parts(tail, level, 2);
    const auto front = make_program(parts.on, head);
    buffer stream(parts.on, 20 * recipe::D * 4);
    std::vector<std::vector<float>> got;
    for (const part& p : {first, second}) {
      step s({p});
      s.bindings = {{middle, stream.get(), 0}};
      REQUIRE(submit(parts.on, *front, parts.state.get(), s.get()) == "");
      s.want_all();
      for (auto& row : parts.run(s)) got.push_back(row);
    }
    for (std::size_t t = 0; t < tokens.size(); ++t) REQUIRE(same_bits(got[t], expected[t]));
  }
}
