// Drawn tokens follow the distribution: Pearson's chi-square with fixed seeds. The bounds are the 99.9 % quantiles.
#include "engine/sampling/philox.hpp"
#include "engine/sampling/sampler.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

using namespace tokamak;

namespace {

double chi_square(const std::vector<float>& logits, const sampler_params& params,
                  const std::vector<double>& probabilities, std::uint32_t draws) {
  std::vector<double> counts(logits.size());
  for (std::uint32_t position = 0; position < draws; ++position) {
    auto scratch = logits;
    counts[static_cast<std::size_t>(sample(scratch, params, {}, 0, position).token)] += 1;
  }
  double statistic = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * draws;
    if (expected == 0)
      CHECK(counts[i] == 0);
    else
      statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  return statistic;
}

std::vector<float> ramp(std::size_t n) {
  std::vector<float> logits(n);
  for (std::size_t i = 0; i < n; ++i)
    logits[i] = static_cast<float>((i * 7) % n) * 0.2F;
  return logits;
}

/// exp(logit / temperature), normalised over the tokens that `keep` names.
template <class Keep>
std::vector<double> distribution(const std::vector<float>& logits, double temperature, Keep keep) {
  std::vector<double> p(logits.size());
  for (std::size_t i = 0; i < p.size(); ++i)
    p[i] = keep(i) ? std::exp(logits[i] / temperature) : 0;
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (auto& value : p)
    value /= total;
  return p;
}

} // namespace

TEST_CASE("draws follow the softmax at any temperature") {
  const auto logits = ramp(20);
  for (const float temperature : {0.5F, 1.0F, 2.0F}) {
    sampler_params params;
    params.temperature = temperature;
    params.seed = 42;
    const auto p = distribution(logits, temperature, [](std::size_t) { return true; });
    CHECK(chi_square(logits, params, p, 40000) < 43.8); // 19 degrees of freedom
  }
}

TEST_CASE("draws after top_k, top_p and min_p follow the renormalised softmax") {
  const auto logits = ramp(20);
  const auto rank = [&](std::size_t i) {
    return std::count_if(logits.begin(), logits.end(), [&](float other) { return other > logits[i]; });
  };
  sampler_params params;
  params.temperature = 1;
  params.seed = 7;
  SUBCASE("top_k") {
    params.top_k = 10;
    const auto p = distribution(logits, 1, [&](std::size_t i) { return rank(i) < 10; });
    CHECK(chi_square(logits, params, p, 40000) < 27.9); // 9 degrees of freedom
  }
  SUBCASE("top_p") {
    params.top_p = 0.8F; // 1 - 0.8^r: ranks 0 to 7 hold 0.808 of the ramp
    const auto p = distribution(logits, 1, [&](std::size_t i) { return rank(i) < 8; });
    CHECK(chi_square(logits, params, p, 40000) < 24.4); // 7 degrees of freedom
  }
  SUBCASE("min_p") {
    params.min_p = 0.29F; // exp(-1.2) = 0.301: ranks 0 to 6
    const auto p = distribution(logits, 1, [&](std::size_t i) { return rank(i) < 7; });
    CHECK(chi_square(logits, params, p, 40000) < 22.5); // 6 degrees of freedom
  }
}

TEST_CASE("draws over a large vocabulary are uniform over equal logits") {
  const std::vector<float> logits(1024, 3.0F);
  sampler_params params;
  params.temperature = 1;
  params.seed = 99;
  const std::vector<double> p(1024, 1.0 / 1024);
  CHECK(chi_square(logits, params, p, 50000) < 1168); // 1,023 degrees of freedom
}

TEST_CASE("draws at neighbouring positions and seeds are independent") {
  const std::vector<float> logits(4, 0.0F);
  std::vector<double> pairs(16), seeds(16);
  sampler_params params;
  params.temperature = 1;
  const auto draw = [&](std::uint64_t seed, std::uint32_t position) {
    params.seed = seed;
    auto scratch = logits;
    return static_cast<std::size_t>(sample(scratch, params, {}, 0, position).token);
  };
  constexpr std::uint32_t n = 16000;
  for (std::uint32_t i = 0; i < n; ++i) {
    pairs[draw(3, 2 * i) * 4 + draw(3, 2 * i + 1)] += 1;
    seeds[draw(2 * i, 5) * 4 + draw(2 * i + 1, 5)] += 1;
  }
  for (const auto& table : {pairs, seeds}) {
    double statistic = 0;
    for (const double count : table)
      statistic += (count - n / 16.0) * (count - n / 16.0) / (n / 16.0);
    CHECK(statistic < 37.7); // 15 degrees of freedom
  }
}

TEST_CASE("sampling a vocabulary of 49,152 takes microseconds, not milliseconds") {
  std::vector<float> logits(49152);
  for (std::size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(std::pow(uniform_number(1, static_cast<std::uint32_t>(i), 0), 8.0)) * 20;
  auto scratch = logits;
  const auto best_us = [&](const sampler_params& params) {
    double best = 1e9;
    for (std::uint32_t i = 0; i < 50; ++i) {
      std::copy(logits.begin(), logits.end(), scratch.begin());
      const auto begin = std::chrono::steady_clock::now();
      const auto token = sample(scratch, params, {}, 0, i).token;
      const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
      REQUIRE(token >= 0);
      best = std::min(best, took.count());
    }
    return best;
  };
  sampler_params greedy, warm, top_k, top_p, all;
  warm.temperature = top_k.temperature = top_p.temperature = all.temperature = 0.8F;
  top_k.top_k = 40;
  top_p.top_p = 0.9F;
  all.top_k = 40;
  all.top_p = 0.9F;
  all.min_p = 0.05F;
  all.logprob = true;
  MESSAGE("greedy ", best_us(greedy), " us, temperature ", best_us(warm), " us, top_k ", best_us(top_k), " us, top_p ",
          best_us(top_p), " us, all with log-probability ", best_us(all), " us");
  CHECK(best_us(top_p) < 50000); // a bound that only a wrong algorithm or a hung machine passes
}
