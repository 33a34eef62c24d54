// Sampling under a constraint: a few words over a small vocabulary, steps by hand.
#include "engine/step_sampler.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>

#include "unit/plugin/test_plugins.hpp"

using namespace tokamak;
using namespace tokamak::engine;

namespace {

constexpr std::int32_t end = 7;
const std::vector<std::string> words{"y", "es", "no", "yes", "x", "s", "e", ""};
constexpr std::uint32_t padded = 10; // models have rows of logits that no token has

const plugin::registry& plugins() {
  static const auto loaded = [] {
    const plugin::scoped_environment none("TOKAMAK_PLUGIN_PATH", "");
    const std::array paths{plugin::test_plugin("alternatives")};
    return std::move(*plugin::registry::load(paths));
  }();
  return loaded;
}

std::shared_ptr<constraints> of_words(token_bytes tokens = [] { return words; }) {
  return std::make_shared<constraints>(std::vector{plugin_use{"alternatives", option_value{option_value::table{}, 0, 0}, 0, 0}}, plugins(),
                                       plugin::host_settings{}, std::move(tokens));
}

/// One sequence with a prompt of two tokens, and what its steps say.
struct sequence_under_test {
  step_sampler sampler{padded, of_words()};
  wire::StepOpenT open;
  std::vector<std::int32_t> tokens{4, 4};
  std::vector<float> logits = std::vector<float>(padded, 0);
  wire::WantKind kind = wire::WantKind::sample;
  std::uint8_t top = 0;
  bool announced = false;

  explicit sequence_under_test(const std::string& text, const std::string& plugin = "alternatives") {
    open.id = 1;
    open.sampling = std::make_unique<wire::SamplingT>();
    open.answer_start = 2;
    open.end_tokens = {end};
    open.constraint = std::make_unique<wire::ConstraintT>();
    open.constraint->plugin = plugin;
    open.constraint->text = text;
  }

  /// Rows from `begin` on, with an output at each of the last `outputs`.
  frame_of<wire::Step> step(std::uint32_t begin, std::uint32_t outputs = 1) {
    wire::StepT s;
    s.row_begin = {0, static_cast<std::uint32_t>(tokens.size()) - begin};
    s.sequence_ids = {1};
    for (auto p = begin; p < tokens.size(); ++p) {
      s.tokens.push_back(tokens[p]);
      s.positions.push_back(p);
      if (p + outputs < tokens.size()) continue;
      s.output_rows.push_back(p - begin);
      s.output_kinds.push_back(kind);
      s.output_top.push_back(top);
    }
    if (!std::exchange(announced, true)) s.opened.push_back(std::make_unique<wire::StepOpenT>(open));
    return make_frame<wire::Step>(s);
  }

  wire::StepResultT result_of(const frame_of<wire::Step>& s) {
    sampler.observe(*s);
    std::vector<float> all;
    for (std::uint32_t o = 0; o < s->output_rows()->size(); ++o) all.insert(all.end(), logits.begin(), logits.end());
    return sampler.sample(*s, all, [](std::uint32_t n, const auto& one) {
      for (auto o = n; o-- > 0;) one(o);
    });
  }
  wire::StepResultT next(std::uint32_t begin, std::uint32_t outputs = 1) { return result_of(step(begin, outputs)); }
  /// The next token, which the answer goes on with.
  std::int32_t say() {
    const auto r = next(announced ? static_cast<std::uint32_t>(tokens.size()) - 1 : 0);
    REQUIRE_MESSAGE(r.failed.empty(), (r.failed.empty() ? "" : r.failed[0]->error->message));
    tokens.push_back(r.tokens[0]);
    return r.tokens[0];
  }
};

std::string failure(const wire::StepResultT& r) {
  REQUIRE(r.failed.size() == 1);
  CHECK(r.tokens[r.failed[0]->output] == -1);
  return r.failed[0]->error->message;
}

} // namespace

TEST_CASE("an answer with a constraint is what it allows, and ends where it has to") {
  sequence_under_test s("yes|no");
  s.logits[4] = 9; // what the model would say
  s.logits[end] = 8;
  s.logits[8] = s.logits[9] = 20; // no tokens
  s.logits[0] = 2;
  CHECK(s.say() == 0);
  CHECK(s.say() == 1);
  CHECK(s.say() == end);
}

TEST_CASE("an end token may come where the answer may end, and not before") {
  sequence_under_test s("y|yes");
  s.logits[end] = 9;
  CHECK(s.say() == 0);
  CHECK(s.say() == end);
  sequence_under_test longer("y|yes");
  longer.logits[1] = 9;
  CHECK(longer.say() == 0);
  CHECK(longer.say() == 1);
}

TEST_CASE("a bias does not allow what the constraint forbids, and weighs what it allows") {
  sequence_under_test s("yes|no");
  s.open.sampling->bias_tokens = {4, 2};
  s.open.sampling->bias_values = {100, 1};
  CHECK(s.say() == 2);
}

TEST_CASE("draws are among what is allowed") {
  sequence_under_test s("yes|no");
  s.open.sampling->temperature = 2;
  s.logits[4] = 5;
  std::array<int, padded> drawn{};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    s.open.sampling->seed = seed;
    s.announced = false;
    ++drawn[static_cast<std::size_t>(s.next(0).tokens[0])];
  }
  CHECK(drawn[0] + drawn[2] + drawn[3] == 200);
  for (const auto token : {0, 2, 3}) CHECK(drawn[static_cast<std::size_t>(token)] > 30);
}

TEST_CASE("neither min_tokens nor ignore_eos keeps an answer from the end that it has to have") {
  for (const bool forever : {false, true}) {
    sequence_under_test s("y|yes");
    s.open.ignore_eos = forever;
    s.open.min_tokens = forever ? 0 : 9;
    s.open.suppressed = {end};
    s.logits[end] = 9;
    CHECK(s.say() == 0);
    CHECK(s.say() == 1); // it may end before, and is kept from it
    CHECK(s.say() == end);
  }
}

TEST_CASE("a constrained sequence does not take the short way to the largest logit") {
  sequence_under_test s("yes|no");
  const auto step = s.step(0);
  s.sampler.observe(*step);
  CHECK_FALSE(s.sampler.wants_largest(*step));
  sequence_under_test free("");
  free.open.constraint = nullptr;
  const auto other = free.step(0);
  free.sampler.observe(*other);
  CHECK(free.sampler.wants_largest(*other));
}

TEST_CASE("an answer goes on elsewhere from its tokens") {
  sequence_under_test s("yes|no");
  s.tokens = {4, 4, 0}; // "y" was delivered by an engine that is lost; its row is computed anew
  CHECK(s.say() == 1);
  CHECK(s.say() == end);
  sequence_under_test cached("yes|no");
  cached.open.history = {4, 4, 0}; // from the prefix cache, but for the last row
  cached.tokens = {4, 4, 0, 6};
  CHECK(cached.next(3).tokens[0] == 5);
}

TEST_CASE("positions that come again are matched again") {
  sequence_under_test s("yes|no");
  s.logits[0] = 1;
  CHECK(s.say() == 0);
  CHECK(s.say() == 1);
  SUBCASE("the same tokens, after a preemption") { CHECK(s.next(0).tokens[0] == end); }
  SUBCASE("fewer, after a rewind") {
    s.tokens.resize(3);
    CHECK(s.next(2).tokens[0] == 1);
    s.tokens.resize(2);
    CHECK(s.next(1).tokens[0] == 0);
  }
  SUBCASE("others, after a truncation") {
    s.tokens = {4, 4, 0, 6};
    CHECK(s.next(3).tokens[0] == 5);
  }
}

TEST_CASE("several outputs of one sequence each have their own place in the answer") {
  sequence_under_test s("yes|no");
  s.kind = wire::WantKind::top;
  s.top = 8;
  s.tokens = {4, 4, 0, 6}; // the place of "y", of what follows it, and of what follows "ye"
  const auto r = s.next(0, 3);
  REQUIRE(r.failed.empty());
  CHECK(r.top_counts == std::vector<std::uint8_t>{3, 2, 1});
  CHECK(r.top_ids == std::vector<std::int32_t>{0, 2, 3, 1, 6, 5});
  CHECK(r.top_logprobs[5] == doctest::Approx(0)); // among what is allowed
}

TEST_CASE("what comes before the answer is not constrained") {
  sequence_under_test s("yes|no");
  s.kind = wire::WantKind::top;
  s.top = 8;
  const auto r = s.next(0, 2);
  CHECK(r.top_counts == std::vector<std::uint8_t>{8, 3});
}

TEST_CASE("log-probabilities of chosen tokens are the model's own") {
  sequence_under_test s("yes|no");
  s.open.sampling->logprobs = true;
  s.top = 1;
  s.logits[4] = 5;
  s.logits[0] = 1;
  const auto r = s.next(0);
  CHECK(r.tokens[0] == 0);
  CHECK(r.top_ids == std::vector<std::int32_t>{4});
  CHECK(r.logprobs[0] == doctest::Approx(1 - std::log(8 + std::exp(5.) + std::exp(1.))));
}

TEST_CASE("what cannot go on says why") {
  SUBCASE("the vocabulary has no token for it") {
    sequence_under_test s("zoo");
    CHECK(failure(s.next(0)) == "no token of the model can continue the answer as its constraint wants");
  }
  SUBCASE("it has to end, and nothing ends it") {
    sequence_under_test s("y");
    s.open.end_tokens.clear();
    s.say();
    CHECK(failure(s.next(2)) == "the answer has to end as its constraint wants, and the model has no token for that");
  }
  SUBCASE("the model gives it no probability") {
    sequence_under_test s("yes|no");
    s.logits.assign(padded, -std::numeric_limits<float>::infinity());
    CHECK(failure(s.next(0)) == "the model gives no probability to any token that its constraint allows");
  }
  SUBCASE("a token of the answer is not allowed") {
    sequence_under_test s("yes|no");
    s.tokens = {4, 4, 0, 4};
    CHECK(failure(s.next(0)) == "token 1 of the answer is not what its constraint allows");
  }
  SUBCASE("the text is wrong") {
    sequence_under_test s("yes|");
    CHECK(failure(s.next(0)) == "character 4: nothing found, a word expected");
  }
  SUBCASE("the engine has no such constraint") {
    sequence_under_test s("yes", "json_schema");
    CHECK(failure(s.next(0)) == "the engine has no constraint 'json_schema'; 'alternatives' expected");
  }
  SUBCASE("the model has no tokenizer") {
    sequence_under_test s("yes");
    s.sampler = step_sampler(padded, of_words({}));
    CHECK(failure(s.next(0)) == "the model has no tokenizer, which constraints need");
  }
  SUBCASE("the engine has none") {
    sequence_under_test s("yes");
    s.sampler = step_sampler(padded);
    CHECK(failure(s.next(0)) == "the engine has no constraints");
  }
}

TEST_CASE("one that fails does not touch the others of its step") {
  sequence_under_test s("yes|no");
  wire::StepT both;
  both.row_begin = {0, 2, 4};
  both.sequence_ids = {1, 2};
  both.tokens = {4, 4, 4, 4};
  both.positions = {0, 1, 0, 1};
  both.output_rows = {1, 3};
  both.output_kinds = {wire::WantKind::sample, wire::WantKind::sample};
  both.output_top = {0, 0};
  both.opened.push_back(std::make_unique<wire::StepOpenT>(s.open));
  both.opened[0]->constraint->text = "zoo";
  both.opened.push_back(std::make_unique<wire::StepOpenT>(s.open));
  both.opened[1]->id = 2;
  const auto r = s.result_of(make_frame<wire::Step>(both));
  CHECK(failure(r).starts_with("no token of the model"));
  CHECK(r.failed[0]->output == 0);
  CHECK(r.tokens[1] == 0);
}
