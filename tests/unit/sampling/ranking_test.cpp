// Selection and vocabulary-wide sums against plain sorting and double arithmetic.
#include "engine/sampling/philox.hpp"
#include "engine/sampling/ranking.hpp"
#include "engine/sampling/softmax.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace tokamak;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Made-up logits, of few distinct values if `levels` is small.
std::vector<float> made_up(std::size_t n, std::uint64_t seed, std::uint32_t levels) {
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i)
    values[i] = std::floor(static_cast<float>(uniform_number(seed, static_cast<std::uint32_t>(i), 0)) *
                           static_cast<float>(levels)) / 8.0F - 5.0F;
  return values;
}

std::vector<ranked_token> sorted_all(const std::vector<float>& values) {
  std::vector<ranked_token> all;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] > -infinity)
      all.push_back({values[i], static_cast<std::int32_t>(i)});
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
  return all;
}

} // namespace

TEST_CASE("first_ranked picks what a stable sort puts first, ties by lowest id") {
  for (const std::size_t n : {1, 31, 32, 33, 1000, 49152})
    for (const std::uint32_t levels : {1U, 5U, 100000U})
      for (const std::size_t k : {1, 2, 40, 999, 60000}) {
        CAPTURE(n);
        CAPTURE(levels);
        CAPTURE(k);
        const auto values = made_up(n, n + levels, levels);
        auto expected = sorted_all(values);
        expected.resize(std::min(k, expected.size()));
        auto found = first_ranked(values, k, -infinity);
        std::sort(found.begin(), found.end(), ranks_before);
        REQUIRE(found.size() == expected.size());
        bool equal = true;
        for (std::size_t i = 0; i < found.size(); ++i)
          equal = equal && found[i].token == expected[i].token && found[i].value == expected[i].value;
        CHECK(equal);
      }
}

TEST_CASE("first_ranked leaves out NaN, -inf and what is not above the floor") {
  const std::vector<float> values = {not_a_number, 1, -infinity, 2, 0.5, not_a_number};
  const auto found = first_ranked(values, 10, 0.5F);
  REQUIRE(found.size() == 2);
  CHECK(found[0].token == 1);
  CHECK(found[1].token == 3);
  CHECK(first_ranked(values, 0, -infinity).empty());
}

TEST_CASE("keep_mass keeps the fewest that reach the target") {
  for (const std::uint32_t levels : {1U, 3U, 100000U}) {
    auto values = made_up(5000, levels, levels);
    for (auto& value : values)
      value = std::exp(value - 8.0F);
    const auto all = sorted_all(values);
    double total = 0;
    for (const auto& entry : all)
      total += entry.value;
    for (const double share : {1e-6, 0.1, 0.5, 0.95, 0.999}) {
      double sum = 0;
      std::size_t count = 0;
      while (sum < share * total)
        sum += all[count++].value;
      auto kept = first_ranked(values, values.size(), -infinity);
      keep_mass(kept, share * total);
      CAPTURE(share);
      REQUIRE(kept.size() == count);
      bool equal = true;
      for (std::size_t i = 0; i < count; ++i)
        equal = equal && kept[i].token == all[i].token;
      CHECK(equal);
    }
  }
}

TEST_CASE("the largest logit is found past NaN and infinities, at any length") {
  for (std::size_t n = 1; n < 70; ++n)
    for (std::size_t at = 0; at < n; at += 7) {
      std::vector<float> values(n, -3.0F);
      values[at] = 4.0F;
      if (at > 0)
        values[at - 1] = not_a_number;
      CHECK(largest_logit(values) == 4.0F);
      CHECK(index_of_largest(values) == static_cast<std::int32_t>(at));
    }
  CHECK(index_of_largest(std::vector<float>{not_a_number, -infinity, not_a_number}) == -1);
  CHECK(index_of_largest(std::vector<float>{1, infinity, infinity}) == 1);
  CHECK(largest_logit(std::vector<float>{1, infinity}) == std::numeric_limits<float>::max());
  CHECK(index_of_largest(std::vector<float>(100, 2.0F)) == 0);
}

TEST_CASE("weights and their sums agree with double arithmetic") {
  for (const std::size_t n : {1, 15, 255, 256, 257, 5000}) {
    auto logits = made_up(n, n, 100000);
    for (auto& logit : logits)
      logit *= 0.01F;
    const float largest = largest_logit(logits);
    for (const float temperature : {0.1F, 0.7F, 1.0F, 3.0F}) {
      std::vector<float> weights(n);
      std::vector<double> sums;
      const double total = softmax_weights(logits, largest, temperature, weights, sums);
      double exact_total = 0;
      double worst = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double exact = std::exp((static_cast<double>(logits[i]) - largest) * (1.0F / temperature));
        exact_total += exact;
        if (exact > 1e-37)
          worst = std::max(worst, std::abs(weights[i] - exact) / exact);
        else
          CHECK(weights[i] < 2e-37F);
      }
      CHECK(worst < 1e-5); // the argument's own rounding, |x| up to 87, is most of it
      CHECK(total == doctest::Approx(exact_total).epsilon(1e-5));
      CHECK(sums.size() == (n + softmax_block - 1) / softmax_block);
    }
  }
}

TEST_CASE("exponentials are exact to two units in the last place where the argument is exact") {
  std::vector<float> logits;
  for (int i = 0; i <= 87 * 64; ++i)
    logits.push_back(-static_cast<float>(i) / 64.0F);
  std::vector<float> weights(logits.size());
  std::vector<double> sums;
  softmax_weights(logits, 0.0F, 1.0F, weights, sums);
  double worst = 0;
  for (std::size_t i = 0; i + 1 < logits.size(); ++i)
    worst = std::max(worst, std::abs(weights[i] / std::exp(static_cast<double>(logits[i])) - 1));
  CHECK(worst < 2.4e-7);
  CHECK(weights[0] == 1.0F);
  CHECK(weights.back() == 0.0F);
}

TEST_CASE("log_sum_exp is right for long, short and extreme inputs") {
  for (const std::size_t n : {1, 16, 17, 256, 4097, 49152}) {
    const auto logits = made_up(n, n, 100);
    double exact = 0;
    for (const float logit : logits)
      exact += std::exp(static_cast<double>(logit));
    CHECK(log_sum_exp(logits) == doctest::Approx(std::log(exact)).epsilon(1e-6));
  }
  CHECK(log_sum_exp(std::vector<float>{1000, 1000}) == doctest::Approx(1000 + std::log(2.0)));
  CHECK(log_sum_exp(std::vector<float>{not_a_number, 3, -infinity}) == doctest::Approx(3.0));
  CHECK(log_sum_exp(std::vector<float>{not_a_number}) == -infinity);
}
