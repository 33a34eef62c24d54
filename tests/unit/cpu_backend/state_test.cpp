// Cache ops: forks, checkpoints, export and import, dropped blocks, and their order with the compute.
#include "tiny_model.hpp"

using namespace cpu_test;

namespace {

model with_everything() {
  recipe r;
  r.window = 6;
  r.recurrent = true;
  return transformer(r);
}

const std::vector<std::vector<std::uint32_t>> home = {{3, 9, 5, 1, 7, 2, 8, 4}, {3, 9, 5, 1, 7, 2, 8, 4}, {10}};
const std::vector<std::vector<std::uint32_t>> away = {
    {23, 29, 25, 21, 27, 22, 28, 24}, {23, 29, 25, 21, 27, 22, 28, 24}, {30}};

part rows_of(const std::vector<std::int32_t>& tokens, std::uint32_t begin, std::uint32_t end,
             const std::vector<std::vector<std::uint32_t>>& tables) {
  return {{tokens.begin() + begin, tokens.begin() + end}, begin, tables, {}, {}, {}};
}

/// Ops that move the first `count` tokens from one place to another: a fork.
std::vector<tk_cache_op> copies(std::uint32_t count, std::uint32_t after) {
  std::vector<tk_cache_op> ops;
  for (std::uint32_t g = 0; g < 2; ++g)
    for (std::uint32_t block = 0; block * 4 < count; ++block)
      ops.push_back(
          {TK_CACHE_COPY, g, after, home[g][block], 0, away[g][block], 0, std::min(4u, count - block * 4), nullptr, 0});
  ops.push_back({TK_CACHE_COPY, 2, after, home[2][0], 0, away[2][0], 0, 1, nullptr, 0});
  return ops;
}

} // namespace

TEST_CASE("a fork copied before or after a step goes its own way from there") {
  std::mt19937 random(printed_seed());
  const model m = with_everything();
  const auto tokens = random_tokens(random, 24);
  auto other = tokens;
  for (std::size_t i = 14; i < other.size(); ++i) other[i] = (other[i] + 1) % static_cast<std::int32_t>(recipe::V);
  for (const char* level : levels()) {
    engine plain(m, level);
    const auto expected = plain.run_all({rows_of(tokens, 0, 24, home)}),
               expected_other = engine(m, level).run_all({rows_of(other, 0, 24, home)});

    engine e(m, level, 2);
    step first({rows_of(tokens, 0, 14, home)}, 3);
    first.cache_ops = copies(14, 1); // after: what this step wrote
    e.run(first);
    step both({rows_of(tokens, 14, 24, home), rows_of(other, 14, 24, away)}, 3);
    both.want_all();
    const auto got = e.run(both);
    for (std::size_t i = 0; i < 10; ++i) {
      REQUIRE(same_bits(got[i], expected[14 + i]));
      REQUIRE(same_bits(got[10 + i], expected_other[14 + i]));
    }

    engine late(m, level);
    late.run_all({rows_of(tokens, 0, 14, home)});
    step second({rows_of(other, 14, 24, away)}, 3);
    second.cache_ops = copies(14, 0); // before: what the step before wrote
    second.want_all();
    const auto forked = late.run(second);
    for (std::size_t i = 0; i < 10; ++i) REQUIRE(same_bits(forked[i], expected_other[14 + i]));
  }
}

TEST_CASE("recurrent state is cleared, checkpointed and restored") {
  std::mt19937 random(printed_seed());
  const model m = with_everything();
  const auto tokens = random_tokens(random, 12);
  for (const char* level : levels()) {
    engine e(m, level);
    const auto expected = e.run_all({rows_of(tokens, 0, 12, home)});
    step again({rows_of(tokens, 0, 8, home)}, 3);
    again.cache_ops = {{TK_CACHE_CLEAR, 2, 0, 0, 0, home[2][0], 0, 0, nullptr, 0},
                       {TK_CACHE_COPY, 2, 1, home[2][0], 0, 77, 0, 0, nullptr, 0}};
    again.want_all();
    const auto first = e.run(again);
    for (std::size_t i = 0; i < 8; ++i) REQUIRE(same_bits(first[i], expected[i]));
    e.run_all({rows_of(tokens, 8, 12, home)}); // the state moves on ...
    step back({rows_of(tokens, 8, 12, home)}, 3);
    back.cache_ops = {{TK_CACHE_COPY, 2, 0, 77, 0, home[2][0], 0, 0, nullptr, 0}}; // ... and returns
    back.want_all();
    const auto second = e.run(back);
    for (std::size_t i = 0; i < 4; ++i) REQUIRE(same_bits(second[i], expected[8 + i]));
  }
}

TEST_CASE("blocks exported from one engine continue in another with the same bits, over any levels' memory") {
  std::mt19937 random(printed_seed());
  for (const tk_format kv_format : {TK_F16, TK_F32}) {
    recipe r;
    r.window = 6;
    r.recurrent = true;
    r.kv_format = kv_format;
    const model m = transformer(r);
    const auto tokens = random_tokens(random, 20);
    const std::uint64_t block_bytes = 2 * 4 * 32 * (kv_format == TK_F16 ? 2 : 4); // K and V, 4 tokens of width 32
    for (const char* level : levels()) {
      engine from(m, level), to(m, level, 2);
      buffer out(from.on, 20 * block_bytes), in(to.on, 20 * block_bytes);
      const auto moves = [&](tk_cache_op_kind kind, void* buffer, const auto& tables) {
        std::vector<tk_cache_op> ops;
        std::uint64_t at = 8;
        for (std::uint32_t g = 0; g < 2; ++g)
          for (std::uint32_t block = 0; block < 4; ++block, at += block_bytes)
            ops.push_back({kind, g, kind == TK_CACHE_EXPORT ? 1u : 0u, tables[g][block], 0, tables[g][block], 0,
                           block == 3 ? 2u : 4u, buffer, at});
        ops.push_back({kind, 2, kind == TK_CACHE_EXPORT ? 1u : 0u, tables[2][0], 0, tables[2][0], 0, 1, buffer, at});
        return ops;
      };
      step first({rows_of(tokens, 0, 14, home)}, 3);
      first.cache_ops = moves(TK_CACHE_EXPORT, out.get(), home);
      from.run(first);
      const auto expected = from.run_all({rows_of(tokens, 14, 20, home)});
      std::memcpy(in.data(), out.data(), 20 * block_bytes); // the way over a link
      step rest({rows_of(tokens, 14, 20, away)}, 3);
      rest.cache_ops = moves(TK_CACHE_IMPORT, in.get(), away);
      rest.want_all();
      const auto got = to.run(rest);
      for (std::size_t i = 0; i < 6; ++i) REQUIRE(same_bits(got[i], expected[i]));
    }
  }
}

TEST_CASE("exported K and V are plain rows: of each layer K, then V") {
  model m;
  m.graph.add_group({"full", TK_GROUP_FULL, 2, 4, 0, 6, 3, 0, TK_F32});
  const auto k = m.graph.add_rows("k", 6, TK_VALUE_INPUT), v = m.graph.add_rows("v", 3, TK_VALUE_INPUT);
  primitive_ops op(m.graph);
  op.kv_write(k, v, 0, 0);
  op.kv_write(k, v, 0, 1);
  for (const char* level : levels()) {
    backend on(level);
    const auto ready = make_program(on, m);
    const auto state = make_cache(on, m, 5);
    buffer ks(on, 3 * 6 * 4), vs(on, 3 * 3 * 4), out(on, 1024);
    for (int i = 0; i < 18; ++i) ks.data()[i] = static_cast<float>(i);
    for (int i = 0; i < 9; ++i) vs.data()[i] = static_cast<float>(100 + i);
    step s({{{0, 0, 0}, 1, {{4}}, {}, {}, {}}});
    s.bindings = {{k, ks.get(), 0}, {v, vs.get(), 0}};
    s.cache_ops = {{TK_CACHE_EXPORT, 0, 1, 4, 2, 0, 0, 2, out.get(), 0}}; // offsets 2 and 3: rows 1 and 2
    REQUIRE(submit(on, *ready, state.get(), s.get()) == "");
    for (int layer = 0; layer < 2; ++layer) {
      for (int i = 0; i < 12; ++i) CHECK(out.data()[18 * layer + i] == static_cast<float>(6 + i));
      for (int i = 0; i < 6; ++i) CHECK(out.data()[18 * layer + 12 + i] == static_cast<float>(103 + i));
    }
  }
}

TEST_CASE("a sliding group needs only the blocks of its window") {
  std::mt19937 random(printed_seed());
  const model m = with_everything();
  const auto tokens = random_tokens(random, 24);
  for (const char* level : levels()) {
    engine plain(m, level);
    const auto expected = plain.run_all({rows_of(tokens, 0, 24, home)});
    engine e(m, level);
    e.run_all({rows_of(tokens, 0, 17, home)});
    part rest = rows_of(tokens, 17, 24, home); // row 17 sees slots 12 to 17, from block 3 on
    rest.first_blocks = {0, 3, 0};
    rest.tables[1].erase(rest.tables[1].begin(), rest.tables[1].begin() + 3);
    const auto got = e.run_all({rest});
    for (std::size_t i = 0; i < 7; ++i) REQUIRE(same_bits(got[i], expected[17 + i]));
  }
}

TEST_CASE("a group without layers, another shard's, takes no memory and ignores cache ops") {
  model m;
  m.graph.add_group({"elsewhere", TK_GROUP_FULL, 0, 4, 0, 8, 8, 0, TK_F16});
  backend on(levels().back());
  const auto ready = make_program(on, m);
  const auto state = make_cache(on, m, 1000);
  CHECK(on.describe().memory_bytes == 0);
  step s({});
  s.cache_ops = {{TK_CACHE_COPY, 0, 0, 1, 0, 2, 0, 4, nullptr, 0}, {TK_CACHE_EXPORT, 0, 0, 1, 0, 2, 0, 4, nullptr, 0}};
  CHECK(submit(on, *ready, state.get(), s.get()) == "");
}

TEST_CASE("a step of cache ops alone runs without rows") {
  const model m = with_everything();
  engine e(m, levels().back());
  step s({}, 3);
  s.cache_ops = {{TK_CACHE_CLEAR, 2, 0, 0, 0, 5, 0, 0, nullptr, 0}};
  CHECK(e.run(s).empty());
}
