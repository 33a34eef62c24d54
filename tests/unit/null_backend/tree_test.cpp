// Draft trees: every path of a tree sees exactly its own ancestors, and an accepted path becomes a plain sequence.
#include "unit/null_backend/model_runner.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::test;

namespace {

/// Two paths after the context: 10 20 30 and 10 40 50, and a lone 60.
const std::vector<std::int32_t> tree_tokens = {10, 20, 40, 30, 50, 60};
const std::vector<std::int32_t> tree_parents = {-1, 0, 0, 1, 2, -1};
const std::vector<std::uint32_t> tree_depths = {0, 1, 1, 2, 2, 0};

sequence_rows tree_rows(model_runner& m, toy_sequence& s) {
  auto rows = m.rows(s, tree_tokens);
  rows.parents = tree_parents;
  for (std::size_t i = 0; i < tree_depths.size(); ++i)
    rows.positions[i] = s.length + tree_depths[i];
  return rows;
}

std::vector<float> row(const std::vector<float>& logits, std::uint32_t vocab, std::size_t r) {
  return {logits.begin() + static_cast<std::ptrdiff_t>(r * vocab),
          logits.begin() + static_cast<std::ptrdiff_t>((r + 1) * vocab)};
}

} // namespace

TEST_CASE("each path of a draft tree gives the logits of its tokens in sequence") {
  for (const auto make : {tiny_llama_gguf, tiny_sliding_gguf, tiny_recurrent_gguf}) {
    model_runner m(make({}));
    auto s = m.open(1);
    m.feed(s, some_tokens(9));
    step_data step(m.groups().size());
    step.add(tree_rows(m, s));
    step.want_all();
    const auto tree = m.session.logits(step);
    const std::vector<std::pair<std::vector<std::int32_t>, std::vector<std::size_t>>> paths = {
        {{10, 20, 30}, {0, 1, 3}}, {{10, 40, 50}, {0, 2, 4}}, {{60}, {5}}};
    for (const auto& [tokens, rows] : paths) {
      auto plain = m.open(2);
      m.feed(plain, some_tokens(9));
      const auto expected = m.feed(plain, tokens);
      for (std::size_t i = 0; i < rows.size(); ++i)
        CHECK(row(tree, m.vocab(), rows[i]) == row(expected, m.vocab(), i));
    }
  }
}

TEST_CASE("an accepted path is moved together by copies and continues as if decoded plainly") {
  model_runner m(tiny_sliding_gguf({}));
  auto s = m.open(1);
  m.feed(s, some_tokens(9));
  step_data verify(2);
  verify.add(tree_rows(m, s)); // slots 9 to 14
  m.session.run(verify);

  // 10 40 50 is accepted: rows 0, 2, 4 in slots 9, 11, 13 go to slots 9, 10, 11. Then 70 takes slot 12.
  step_data next(2);
  for (std::uint32_t g = 0; g < 2; ++g)
    for (const auto& [from, to] : {std::pair{11U, 10U}, {13U, 11U}})
      next.cache_op({TK_CACHE_COPY, g, 0, s.tables[g][from / 4], from % 4, s.tables[g][to / 4], to % 4, 1, nullptr, 0});
  s.length += 3;
  next.add(m.rows(s, {70}));
  next.want_all();
  const auto found = m.session.logits(next);

  auto plain = m.open(2);
  m.feed(plain, some_tokens(9));
  m.feed(plain, {10, 40, 50});
  CHECK(found == m.feed(plain, {70}));
}

TEST_CASE("truncating is reusing slots: nothing of what was there is left") {
  model_runner m(tiny_llama_gguf({}));
  auto s = m.open(1);
  m.feed(s, some_tokens(10));
  m.feed(s, {1, 2, 3, 4, 5});
  s.length = 8;
  const auto found = m.feed(s, {99, 98});
  auto plain = m.open(2);
  auto kept = some_tokens(10);
  kept.resize(8);
  m.feed(plain, kept);
  CHECK(found == m.feed(plain, {99, 98}));
}
