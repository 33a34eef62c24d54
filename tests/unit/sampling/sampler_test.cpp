// The order of sampling's steps and what each does, on vocabularies small enough to follow by hand.
#include "engine/sampling/sampler.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>

using namespace tokamak;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::int32_t choose(std::vector<float> logits, const sampler_params& params, std::vector<std::int32_t> history = {},
                    std::uint32_t answer_start = 0, std::uint32_t position = 0) {
  REQUIRE(check_sampler(params, logits.size()));
  return sample(logits, params, history, answer_start, position).token;
}

/// All tokens that 2,000 positions bring up.
std::set<std::int32_t> support(const std::vector<float>& logits, const sampler_params& params) {
  std::set<std::int32_t> tokens;
  for (std::uint32_t position = 0; position < 2000; ++position)
    tokens.insert(choose(logits, params, {}, 0, position));
  return tokens;
}

std::vector<float> logs(std::vector<float> probabilities) {
  for (auto& p : probabilities)
    p = std::log(p);
  return probabilities;
}

std::string refusal(const sampler_params& params) {
  const auto result = check_sampler(params, 10);
  return result ? "valid" : result.error().to_string();
}

using tokens = std::set<std::int32_t>;

} // namespace

TEST_CASE("greedy takes the largest logit, the lowest id of equals") {
  CHECK(choose({1, 3, 2, 3}, {}) == 1);
  CHECK(choose({5}, {}) == 0);
  sampler_params one;
  one.temperature = 1;
  one.top_k = 1;
  CHECK(choose({1, 3, 2, 3}, one, {}, 0, 77) == 1);
}

TEST_CASE("NaN and -inf are never chosen, +inf is the largest number, and nothing left is -1") {
  sampler_params warm;
  warm.temperature = 1;
  for (const auto& params : {sampler_params{}, warm}) {
    CHECK(choose({not_a_number, 2, -infinity}, params) == 1);
    CHECK(choose({3, infinity, 2}, params) == 1);
    CHECK(choose({not_a_number, -infinity}, params) == -1);
  }
  CHECK(support({infinity, not_a_number, infinity, 5}, warm) == tokens{0, 2});
  warm.top_k = 3;
  CHECK(support({infinity, not_a_number, infinity, 5}, warm) == tokens{0, 2});
  warm.top_p = 0.9F;
  CHECK(support({infinity, not_a_number, infinity, 5}, warm) == tokens{0, 2});
}

TEST_CASE("logit bias comes before penalties") {
  sampler_params params;
  params.bias = {{2, 3.0F}, {2, 1.0F}}; // both are added
  CHECK(choose({3.5F, 0, 0}, params) == 2);
  params.repetition_penalty = 2; // (0 + 4) / 2 = 2, not 0 / 2 + 4
  CHECK(choose({3.5F, 0, 0}, params, {2}) == 0);
}

TEST_CASE("the repetition penalty divides positive and multiplies negative logits, once a token, prompt included") {
  sampler_params params;
  params.repetition_penalty = 2;
  CHECK(choose({4, 3}, params, {0}, 1, 1) == 1);
  CHECK(choose({4, 1.9F}, params, {0, 0, 0}, 3, 3) == 0); // 2, not 0.5
  CHECK(choose({-1, -1.5F}, params, {0}, 1, 1) == 1);
}

TEST_CASE("presence and frequency penalties count the answer only") {
  sampler_params params;
  params.presence_penalty = 1;
  CHECK(choose({4, 3.5F}, params, {0, 0}, 2, 2) == 0);
  CHECK(choose({4, 3.5F}, params, {0, 0}, 1, 2) == 1);
  CHECK(choose({4, 2.5F}, params, {0, 0}, 0, 2) == 0); // once, however often
  params.presence_penalty = 0;
  params.frequency_penalty = 1;
  CHECK(choose({4, 2.5F}, params, {0, 0}, 0, 2) == 1); // twice
  CHECK(choose({4, 2.5F}, params, {0, 0}, 1, 2) == 0);
}

TEST_CASE("history entries outside the vocabulary are skipped") {
  sampler_params params;
  params.repetition_penalty = 2;
  CHECK(choose({4, 3}, params, {-1, 2, 1 << 30}) == 0);
}

TEST_CASE("suppressed tokens come back once min_tokens are answered, never with ignore_eos") {
  sampler_params params;
  params.suppressed = {0};
  params.min_tokens = 3;
  CHECK(choose({4, 3}, params, {}, 10, 10) == 1);
  CHECK(choose({4, 3}, params, {}, 10, 12) == 1);
  CHECK(choose({4, 3}, params, {}, 10, 13) == 0);
  params.ignore_eos = true;
  CHECK(choose({4, 3}, params, {}, 10, 13) == 1);
  params.bias = {{0, 100.0F}}; // a bias cannot bring it back
  CHECK(choose({4, 3}, params, {}, 10, 13) == 1);
  params.suppressed = {0, 1};
  CHECK(choose({4, 3}, params, {}, 10, 13) == -1);
}

TEST_CASE("top_k, top_p and min_p cut the tail as defined") {
  const auto logits = logs({0.1F, 0.4F, 0.05F, 0.3F, 0.15F});
  sampler_params params;
  params.temperature = 1;
  CHECK(support(logits, params) == tokens{0, 1, 2, 3, 4});
  SUBCASE("top_k") {
    params.top_k = 2;
    CHECK(support(logits, params) == tokens{1, 3});
    params.top_k = 100;
    CHECK(support(logits, params) == tokens{0, 1, 2, 3, 4});
  }
  SUBCASE("top_p keeps the fewest that reach it") {
    params.top_p = 0.65F;
    CHECK(support(logits, params) == tokens{1, 3});
    params.top_p = 0.75F;
    CHECK(support(logits, params) == tokens{1, 3, 4});
    params.top_p = 1e-6F;
    CHECK(support(logits, params) == tokens{1});
  }
  SUBCASE("min_p is relative to the most likely") {
    params.min_p = 0.3F; // at least 0.12
    CHECK(support(logits, params) == tokens{1, 3, 4});
    params.min_p = 1;
    CHECK(support(logits, params) == tokens{1});
  }
  SUBCASE("top_p is taken of what top_k left") {
    params.top_k = 2; // 0.4 and 0.3 become 0.571 and 0.429
    params.top_p = 0.55F;
    CHECK(support(logits, params) == tokens{1});
  }
  SUBCASE("temperature comes before the cuts") {
    params.top_p = 0.65F;
    params.temperature = 0.25F; // 0.4^4 and 0.3^4: the first holds 0.73
    CHECK(support(logits, params) == tokens{1});
    params.temperature = 100; // nearly flat
    CHECK(support(logits, params) == tokens{0, 1, 3, 4});
  }
}

TEST_CASE("ties at a cut go to the lowest ids") {
  sampler_params params;
  params.temperature = 1;
  params.top_k = 3;
  CHECK(support(std::vector<float>(100, 1.0F), params) == tokens{0, 1, 2});
  params.top_k = 0;
  params.top_p = 0.025F;
  CHECK(support(std::vector<float>(100, 1.0F), params) == tokens{0, 1, 2});
}

TEST_CASE("cutting nothing chooses the same tokens as not cutting") {
  std::vector<float> logits(1000);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = std::sin(static_cast<float>(i) * 0.37F) * 3;
  sampler_params plain, cut;
  plain.temperature = cut.temperature = 0.8F;
  cut.top_k = 999; // drops one token of 1,000: the draw is by id, so nearly all choices stay
  std::size_t same = 0;
  for (std::uint32_t position = 0; position < 500; ++position)
    same += choose(logits, plain, {}, 0, position) == choose(logits, cut, {}, 0, position) ? 1 : 0;
  CHECK(same >= 490);
}

TEST_CASE("a choice depends on its inputs only, in whatever order choices are made") {
  std::mt19937 shuffle(5);
  std::vector<float> logits(5000);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(shuffle() % 1000) * 0.01F;
  std::vector<sampler_params> kinds(4);
  for (auto& params : kinds)
    params.temperature = 1;
  kinds[0].repetition_penalty = 1.3F;
  kinds[1].top_k = 40;
  kinds[2].top_p = 0.9F;
  kinds[2].frequency_penalty = 0.5F;
  kinds[3].min_p = 0.05F;
  const std::vector<std::int32_t> history = {5, 6, 7, 5, 4999};
  const auto one = [&](std::uint32_t i) {
    auto scratch = logits;
    return sample(scratch, kinds[i % 4], history, 2, i).token;
  };
  std::vector<std::int32_t> in_order;
  for (std::uint32_t i = 0; i < 200; ++i)
    in_order.push_back(one(i));
  std::vector<std::uint32_t> order(200);
  for (std::uint32_t i = 0; i < 200; ++i)
    order[i] = i;
  std::shuffle(order.begin(), order.end(), shuffle);
  for (const auto i : order)
    CHECK(one(i) == in_order[i]);
}

TEST_CASE("seeds and draws give other choices") {
  const std::vector<float> logits(1000, 0.0F);
  sampler_params a, b;
  a.temperature = b.temperature = 1;
  b.seed = 1;
  std::size_t equal_seeds = 0, equal_draws = 0;
  for (std::uint32_t position = 0; position < 100; ++position) {
    auto x = logits, y = logits, z = logits;
    const auto token = sample(x, a, {}, 0, position).token;
    equal_seeds += token == sample(y, b, {}, 0, position).token ? 1 : 0;
    equal_draws += token == sample(z, a, {}, 0, position, 1).token ? 1 : 0;
  }
  CHECK(equal_seeds < 5);
  CHECK(equal_draws < 5);
}

TEST_CASE("log-probabilities are those of the model, before bias, penalties and temperature") {
  auto logits = logs({0.5F, 0.3F, 0.2F});
  sampler_params params;
  params.logprob = true;
  params.bias = {{2, 50.0F}};
  params.temperature = 0.1F;
  const auto chosen = sample(logits, params, {}, 0, 0);
  CHECK(chosen.token == 2);
  CHECK(chosen.logprob == doctest::Approx(std::log(0.2)));
  params.logprob = false;
  logits = logs({0.5F, 0.3F, 0.2F});
  CHECK(sample(logits, params, {}, 0, 0).logprob == 0.0F);
}

TEST_CASE("top_logprobs are sorted, normalised and skip what cannot be chosen") {
  const auto top = top_logprobs(logs({0.1F, 0.4F, 0.1F, 0.4F}), 3);
  REQUIRE(top.size() == 3);
  CHECK(top[0].token == 1);
  CHECK(top[1].token == 3);
  CHECK(top[2].token == 0);
  CHECK(top[0].logprob == doctest::Approx(std::log(0.4)));
  CHECK(top[2].logprob == doctest::Approx(std::log(0.1)));
  CHECK(top_logprobs(std::vector<float>{not_a_number, 1, -infinity}, 5).size() == 1);
  CHECK(top_logprobs(std::vector<float>{not_a_number, 1, -infinity}, 5)[0].logprob == doctest::Approx(0));
  CHECK(top_logprobs(std::vector<float>{not_a_number}, 5).empty());
  CHECK(top_logprobs(std::vector<float>{1, 2}, 0).empty());
  CHECK(logprob_of(std::vector<float>{not_a_number, 1, 1}, 0) == -infinity);
}

TEST_CASE("the largest logit is all that greedy choices want, unless logits are changed or reported") {
  CHECK(takes_largest({}));
  sampler_params p;
  p.temperature = 0.8F;
  CHECK_FALSE(takes_largest(p));
  p.top_k = 1;
  CHECK(takes_largest(p));
  p.bias = {{3, 1.0F}};
  CHECK_FALSE(takes_largest(p));
  p = {};
  p.presence_penalty = 1;
  CHECK_FALSE(takes_largest(p));
  p = {};
  p.logprob = true;
  CHECK_FALSE(takes_largest(p));
}

TEST_CASE("a suppressed token cannot be chosen while end tokens are ignored or the answer is too short") {
  sampler_params p;
  p.suppressed = {2};
  CHECK_FALSE(is_suppressed(p, 2, 10, 10));
  p.min_tokens = 3;
  CHECK(is_suppressed(p, 2, 10, 12));
  CHECK_FALSE(is_suppressed(p, 2, 10, 13));
  CHECK_FALSE(is_suppressed(p, 1, 10, 12));
  p.ignore_eos = true;
  CHECK(is_suppressed(p, 2, 10, 99));
}

TEST_CASE("parameters out of range are refused by name") {
  sampler_params p;
  CHECK(refusal(p) == "valid");
  const auto refused = [](auto change) {
    sampler_params params;
    change(params);
    return refusal(params);
  };
  CHECK(refused([](auto& q) { q.temperature = -1; }) ==
        "temperature is -1, expected a number of at least 0 (invalid_argument)");
  CHECK(refused([](auto& q) { q.temperature = not_a_number; }) ==
        "temperature is nan, expected a number of at least 0 (invalid_argument)");
  CHECK(refused([](auto& q) { q.top_p = 1.5F; }) == "top_p is 1.5, expected above 0 and at most 1 (invalid_argument)");
  CHECK(refused([](auto& q) { q.top_p = 0; }) == "top_p is 0, expected above 0 and at most 1 (invalid_argument)");
  CHECK(refused([](auto& q) { q.min_p = 2; }) == "min_p is 2, expected 0 to 1 (invalid_argument)");
  CHECK(refused([](auto& q) { q.repetition_penalty = 0; }) ==
        "repetition_penalty is 0, expected a number above 0 (invalid_argument)");
  CHECK(refused([](auto& q) { q.presence_penalty = infinity; }) ==
        "presence_penalty is inf, expected a number (invalid_argument)");
  CHECK(refused([](auto& q) { q.frequency_penalty = not_a_number; }) ==
        "frequency_penalty is nan, expected a number (invalid_argument)");
  CHECK(refused([](auto& q) { q.bias = {{10, 1}}; }) ==
        "logit_bias names token 10, expected 0 to 9 (invalid_argument)");
  CHECK(refused([](auto& q) { q.bias = {{1, infinity}}; }) == "logit_bias is inf, expected a number (invalid_argument)");
  CHECK(refused([](auto& q) { q.suppressed = {-1}; }) ==
        "suppressed names token -1, expected 0 to 9 (invalid_argument)");
}
