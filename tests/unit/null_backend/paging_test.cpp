// Whole tiny models: answers depend on the tokens only, not on blocks, chunks, neighbours or the cache's format of
// numbers.
#include "unit/null_backend/model_runner.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

using namespace tokamak;
using namespace tokamak::test;

namespace {

using maker = std::string (*)(const tiny_options&);
constexpr maker makers[] = {tiny_llama_gguf, tiny_sliding_gguf, tiny_recurrent_gguf};

} // namespace

TEST_CASE("a tiny model's answer is the same for any prefill chunk and block size") {
  for (const auto make : makers) {
    const auto prompt = some_tokens(21);
    model_runner plain(make({}));
    auto s = plain.open(1);
    const auto expected = plain.greedy(s, prompt, 12);
    CHECK(std::set<std::int32_t>(expected.begin(), expected.end()).size() > 4); // not one token over and over
    for (const std::size_t chunk : {1, 4, 7})
      for (const std::uint32_t block_size : {1U, 4U, 32U}) {
        model_runner other(make({}), reference_backend(), {TK_F32, block_size});
        auto t = other.open(2);
        CHECK(other.greedy(t, prompt, 12, chunk) == expected);
      }
  }
}

TEST_CASE("sequences in one step compute what each computes alone") {
  for (const auto make : makers) {
    model_runner alone(make({})), together(make({}));
    const std::vector<std::vector<std::int32_t>> prompts = {some_tokens(9, 1), some_tokens(1, 2), some_tokens(14, 3)};
    std::vector<float> expected;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      auto s = alone.open(i);
      const auto logits = alone.feed(s, prompts[i]);
      expected.insert(expected.end(), logits.begin(), logits.end());
    }
    step_data step(together.groups().size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      auto s = together.open(i);
      together.clear_states(s, step);
      step.add(together.rows(s, prompts[i]));
    }
    step.want_all();
    CHECK(together.session.logits(step) == expected);
  }
}

TEST_CASE("quantised weights and f16 caches change answers little") {
  tiny_options options;
  options.seed = 3;
  model_runner exact(tiny_llama_gguf(options));
  auto s = exact.open(1);
  const auto expected = exact.feed(s, some_tokens(10));
  struct precision {
    tk_format format;
    double bound;
  };
  for (const auto& p : {precision{TK_F16, 0.005}, {TK_BF16, 0.02}, {TK_Q8_0, 0.05}, {TK_Q4_0, 0.7}, {TK_Q4_1, 0.7}}) {
    options.weights = p.format;
    model_runner rounded(tiny_llama_gguf(options), reference_backend(), {TK_F16, 4});
    auto t = rounded.open(1);
    const auto logits = rounded.feed(t, some_tokens(10));
    double error = 0, power = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      error += std::pow(double{logits[i]} - expected[i], 2);
      power += std::pow(double{expected[i]}, 2);
    }
    CAPTURE(p.format);
    CHECK(error > 0);
    CHECK(std::sqrt(error / power) < p.bound);
  }
}

TEST_CASE("seeds make other models, the same seed the same file") {
  CHECK(tiny_llama_gguf({}) == tiny_llama_gguf({}));
  tiny_options other;
  other.seed = 2;
  model_runner a(tiny_llama_gguf({})), b(tiny_llama_gguf(other));
  auto s = a.open(1), t = b.open(1);
  CHECK(a.greedy(s, some_tokens(5), 8) != b.greedy(t, some_tokens(5), 8));
}

TEST_CASE("a sliding group's old blocks may be reused") {
  model_runner m(tiny_sliding_gguf({})); // window 6, blocks of 4
  auto s = m.open(1);
  const auto prompt = some_tokens(18);
  m.feed(s, prompt);
  auto t = s;
  const auto expected = m.feed(s, {7});
  REQUIRE(m.groups()[1].kind == TK_GROUP_SLIDING);
  // Token 18 attends positions 13 to 18: blocks 0 to 2 are out of reach. Overwrite them, then ask again.
  auto rows = m.rows(t, {7});
  rows.groups[1].first_block = 3;
  rows.groups[1].table.erase(rows.groups[1].table.begin(), rows.groups[1].table.begin() + 3);
  model_runner& same = m;
  auto other = same.open(2);
  step_data overwrite(2);
  auto other_rows = same.rows(other, some_tokens(12, 9));
  other_rows.groups[1].table = {t.tables[1][0], t.tables[1][1], t.tables[1][2]};
  overwrite.add(other_rows);
  same.session.run(overwrite);
  step_data step(2);
  step.add(rows);
  step.want_all();
  CHECK(m.session.logits(step) == expected);
}
