// The steps from logits to a token, in the order that sampler.hpp states.
#include "engine/sampling/sampler.hpp"

#include "engine/sampling/philox.hpp"
#include "engine/sampling/ranking.hpp"
#include "engine/sampling/softmax.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tokamak {

namespace {

constexpr float excluded = -std::numeric_limits<float>::infinity();
constexpr float greatest = std::numeric_limits<float>::max();
constexpr float least_temperature = 1e-5F;

bool in_vocabulary(std::int32_t token, std::size_t vocab_size) {
  return token >= 0 && static_cast<std::size_t>(token) < vocab_size;
}

void penalize(std::span<float> logits, const sampler_params& params, std::span<const std::int32_t> history,
              std::uint32_t answer_start) {
  // One entry a token: bit 31 = seen anywhere, the rest counts the answer. All zero again when this returns.
  thread_local std::vector<std::uint32_t> uses;
  constexpr std::uint32_t seen = 0x80000000;
  if (uses.size() < logits.size())
    uses.resize(logits.size());
  for (std::size_t i = 0; i < history.size(); ++i)
    if (in_vocabulary(history[i], logits.size())) {
      auto& use = uses[static_cast<std::size_t>(history[i])];
      use = (use | seen) + (i >= answer_start ? 1 : 0);
    }
  for (const auto token : history) {
    if (!in_vocabulary(token, logits.size()))
      continue;
    auto& use = uses[static_cast<std::size_t>(token)];
    if (use == 0)
      continue; // an earlier occurrence did it
    auto& logit = logits[static_cast<std::size_t>(token)];
    logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    if (const auto count = use & ~seen; count > 0)
      logit -= params.frequency_penalty * static_cast<float>(count) + params.presence_penalty;
    use = 0;
  }
}

/// Are `suppressed` tokens excluded at this position?
bool suppresses(const sampler_params& params, std::uint32_t answer_start, std::uint32_t position) {
  return params.ignore_eos || (position > answer_start ? position - answer_start : 0) < params.min_tokens;
}

/// Steps 1 to 3.
void adjust(std::span<float> logits, const sampler_params& params, std::span<const std::int32_t> history,
            std::uint32_t answer_start, std::uint32_t position) {
  for (const auto& bias : params.bias)
    logits[static_cast<std::size_t>(bias.token)] += bias.value;
  if (needs_history(params))
    penalize(logits, params, history, answer_start);
  if (suppresses(params, answer_start, position))
    for (const auto token : params.suppressed)
      logits[static_cast<std::size_t>(token)] = excluded;
}

/// Draws from weights given by id: the entry where the running sum passes uniform * total.
std::int32_t draw_by_id(std::span<const float> weights, std::span<const double> sums, double target) {
  std::size_t block = 0;
  while (block + 1 < sums.size() && target >= sums[block])
    target -= sums[block++];
  const std::size_t begin = block * softmax_block;
  const std::size_t end = std::min(weights.size(), begin + softmax_block);
  std::int32_t chosen = -1;
  for (std::size_t i = begin; i < end; ++i) {
    if (weights[i] <= 0)
      continue;
    chosen = static_cast<std::int32_t>(i); // rounding may leave the target above the last sum
    target -= weights[i];
    if (target < 0)
      break;
  }
  for (std::size_t i = begin; chosen < 0 && i-- > 0;) // the last block had no weight left: the one before it
    if (weights[i] > 0)
      chosen = static_cast<std::int32_t>(i);
  return chosen;
}

/// Steps 6 to 8 on candidates that hold their weights (largest 1).
std::int32_t draw_candidate(std::vector<ranked_token>& candidates, double total, const sampler_params& params,
                            double uniform) {
  if (params.top_p < 1)
    keep_mass(candidates, params.top_p * total);
  if (params.min_p > 0)
    std::erase_if(candidates, [&](const ranked_token& c) { return c.value < params.min_p; });
  std::sort(candidates.begin(), candidates.end(),
            [](const ranked_token& a, const ranked_token& b) { return a.token < b.token; });
  double mass = 0;
  for (const auto& candidate : candidates)
    mass += candidate.value;
  double target = uniform * mass;
  for (const auto& candidate : candidates) {
    target -= candidate.value;
    if (target < 0)
      return candidate.token;
  }
  return candidates.back().token;
}

/// Steps 4 to 8 with top_k: only the candidates' weights are computed.
std::int32_t draw_top_k(std::span<const float> logits, const sampler_params& params, float largest, double uniform) {
  auto candidates = first_ranked(logits, params.top_k, excluded);
  std::vector<float> values;
  std::vector<double> sums;
  for (const auto& candidate : candidates)
    values.push_back(candidate.value);
  softmax_weights(values, largest, params.temperature, values, sums);
  for (std::size_t i = 0; i < candidates.size(); ++i)
    candidates[i].value = values[i];
  double total = 0; // in rank order: the sum must not depend on how the selection moved things
  std::sort(candidates.begin(), candidates.end(), ranks_before);
  for (const auto& candidate : candidates)
    total += candidate.value;
  return draw_candidate(candidates, total, params, uniform);
}

/// Steps 4 to 8 over the whole vocabulary.
std::int32_t draw_from_all(std::span<float> logits, const sampler_params& params, float largest, double uniform) {
  thread_local std::vector<double> sums;
  const double total = softmax_weights(logits, largest, params.temperature, logits, sums);
  if (params.top_p >= 1 && params.min_p <= 0)
    return draw_by_id(logits, sums, uniform * total);
  // Tokens below this weight hold together less than the share that top_p drops.
  double floor = params.top_p < 1 ? (1.0 - params.top_p) * total / static_cast<double>(logits.size()) * 0.999 : 0.0;
  if (params.top_p >= 1)
    floor = params.min_p * 0.999;
  auto candidates = first_ranked(logits, logits.size(), static_cast<float>(floor));
  return draw_candidate(candidates, total, params, uniform);
}

} // namespace

expected<void> check_sampler(const sampler_params& p, std::size_t vocab_size) {
  const auto wrong = [](const char* field, double found, const char* wanted) {
    return fail(errc::invalid_argument, fmt::format("{} is {}, expected {}", field, found, wanted));
  };
  if (!(p.temperature >= 0) || std::isinf(p.temperature))
    return wrong("temperature", p.temperature, "a number of at least 0");
  if (!(p.top_p > 0 && p.top_p <= 1))
    return wrong("top_p", p.top_p, "above 0 and at most 1");
  if (!(p.min_p >= 0 && p.min_p <= 1))
    return wrong("min_p", p.min_p, "0 to 1");
  if (!(p.repetition_penalty > 0) || std::isinf(p.repetition_penalty))
    return wrong("repetition_penalty", p.repetition_penalty, "a number above 0");
  if (!std::isfinite(p.presence_penalty))
    return wrong("presence_penalty", p.presence_penalty, "a number");
  if (!std::isfinite(p.frequency_penalty))
    return wrong("frequency_penalty", p.frequency_penalty, "a number");
  for (const auto& bias : p.bias) {
    if (!in_vocabulary(bias.token, vocab_size))
      return fail(errc::invalid_argument, fmt::format("logit_bias names token {}, expected 0 to {}", bias.token,
                                                      static_cast<std::int64_t>(vocab_size) - 1));
    if (!std::isfinite(bias.value))
      return wrong("logit_bias", bias.value, "a number");
  }
  for (const auto token : p.suppressed)
    if (!in_vocabulary(token, vocab_size))
      return fail(errc::invalid_argument, fmt::format("suppressed names token {}, expected 0 to {}", token,
                                                      static_cast<std::int64_t>(vocab_size) - 1));
  return {};
}

bool needs_history(const sampler_params& params) {
  return params.repetition_penalty != 1 || params.presence_penalty != 0 || params.frequency_penalty != 0;
}

bool takes_largest(const sampler_params& params) {
  return (params.temperature < least_temperature || params.top_k == 1) && params.bias.empty() && !needs_history(params) &&
         !params.logprob;
}

bool is_suppressed(const sampler_params& params, std::int32_t token, std::uint32_t answer_start, std::uint32_t position) {
  return suppresses(params, answer_start, position) &&
         std::find(params.suppressed.begin(), params.suppressed.end(), token) != params.suppressed.end();
}

sampled sample(std::span<float> logits, const sampler_params& params, std::span<const std::int32_t> history,
               std::uint32_t answer_start, std::uint32_t position, std::uint32_t draw) {
  thread_local std::vector<float> given;
  if (params.logprob)
    given.assign(logits.begin(), logits.end());
  adjust(logits, params, history, answer_start, position);
  sampled result;
  if (params.temperature < least_temperature || params.top_k == 1) {
    result.token = index_of_largest(logits);
  } else if (const float largest = largest_logit(logits); largest > excluded) {
    const double uniform = uniform_number(params.seed, position, draw);
    result.token = params.top_k > 0 && params.top_k < logits.size() ? draw_top_k(logits, params, largest, uniform)
                                                                    : draw_from_all(logits, params, largest, uniform);
  }
  if (params.logprob && result.token >= 0)
    result.logprob = logprob_of(given, result.token);
  return result;
}

float logprob_of(std::span<const float> logits, std::int32_t token) {
  const double logit = std::min(logits[static_cast<std::size_t>(token)], greatest);
  return std::isnan(logit) ? excluded : static_cast<float>(logit - log_sum_exp(logits));
}

std::vector<token_logprob> top_logprobs(std::span<const float> logits, std::size_t k) {
  auto first = first_ranked(logits, k, excluded);
  std::sort(first.begin(), first.end(), ranks_before);
  const double normalizer = first.empty() ? 0 : log_sum_exp(logits);
  std::vector<token_logprob> result;
  for (const auto& entry : first)
    result.push_back({entry.token, static_cast<float>(std::min(entry.value, greatest) - normalizer)});
  return result;
}

} // namespace tokamak
