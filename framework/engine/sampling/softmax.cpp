// Vocabulary-wide passes. Inner loops have a constant trip count: that is what makes -O2 vectorise them.
#include "engine/sampling/softmax.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace tokamak {

namespace {

constexpr std::size_t lanes = 16;
constexpr float no_logit = -std::numeric_limits<float>::infinity();
constexpr float greatest = std::numeric_limits<float>::max();

/// exp(x) for x <= 0 by 2^n * p(r) with |r| <= ln(2)/2; NaN and x < -87 give 0, x > 0 gives 1.
inline float exp_of_negative(float x) {
  const float in_range = x > -87.0F ? (x < 0.0F ? x : 0.0F) : -87.0F;
  constexpr float round_to_integer = 12582912.0F; // 1.5 * 2^23: adding it leaves no fraction bits
  const float n = (in_range * 1.44269504F + round_to_integer) - round_to_integer;
  const float r = (in_range - n * 0.693359375F) + n * 2.12194440e-4F; // ln(2) in two parts
  float p = 1.9875691500e-4F; // minimax polynomial of Cephes' expf
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  const auto scale = std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
  return x > -87.0F ? p * scale : 0.0F;
}

double sum_of_lanes(const float (&partial)[lanes]) {
  double sum = 0;
  for (const float lane : partial)
    sum += lane;
  return sum;
}

} // namespace

float largest_logit(std::span<const float> logits) {
  float best[lanes];
  std::fill(std::begin(best), std::end(best), no_logit);
  std::size_t i = 0;
  for (; i + lanes <= logits.size(); i += lanes)
    for (std::size_t j = 0; j < lanes; ++j)
      best[j] = logits[i + j] > best[j] ? logits[i + j] : best[j]; // false for NaN
  for (; i < logits.size(); ++i)
    best[0] = logits[i] > best[0] ? logits[i] : best[0];
  return std::min(*std::max_element(std::begin(best), std::end(best)), greatest);
}

std::int32_t index_of_largest(std::span<const float> logits) {
  const float largest = largest_logit(logits);
  if (largest == no_logit)
    return -1;
  std::size_t i = 0;
  for (; i + lanes <= logits.size(); i += lanes) {
    int found = 0;
    for (std::size_t j = 0; j < lanes; ++j)
      found |= logits[i + j] >= largest ? 1 : 0; // >=: +inf is read as the largest finite number
    if (found != 0)
      break;
  }
  while (!(logits[i] >= largest))
    ++i;
  return static_cast<std::int32_t>(i);
}

double softmax_weights(std::span<const float> logits, float largest, float temperature, std::span<float> weights,
                       std::vector<double>& sums) {
  const float inverse = 1.0F / temperature;
  const std::size_t n = logits.size();
  sums.clear();
  double total = 0;
  for (std::size_t begin = 0; begin < n; begin += softmax_block) {
    const std::size_t end = std::min(n, begin + softmax_block);
    float partial[lanes] = {};
    std::size_t i = begin;
    for (; i + lanes <= end; i += lanes) {
      float w[lanes];
      for (std::size_t j = 0; j < lanes; ++j)
        w[j] = exp_of_negative((logits[i + j] - largest) * inverse);
      for (std::size_t j = 0; j < lanes; ++j)
        partial[j] += w[j];
      for (std::size_t j = 0; j < lanes; ++j)
        weights[i + j] = w[j];
    }
    for (; i < end; ++i) {
      weights[i] = exp_of_negative((logits[i] - largest) * inverse);
      partial[0] += weights[i];
    }
    sums.push_back(sum_of_lanes(partial));
    total += sums.back();
  }
  return total;
}

double log_sum_exp(std::span<const float> logits) {
  const float largest = largest_logit(logits);
  if (largest == no_logit)
    return no_logit;
  double total = 0;
  float partial[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= logits.size(); i += lanes) {
    for (std::size_t j = 0; j < lanes; ++j)
      partial[j] += exp_of_negative(logits[i + j] - largest);
    if (i % softmax_block == softmax_block - lanes) {
      total += sum_of_lanes(partial);
      std::fill(std::begin(partial), std::end(partial), 0.0F);
    }
  }
  for (; i < logits.size(); ++i)
    partial[0] += exp_of_negative(logits[i] - largest);
  return static_cast<double>(largest) + std::log(total + sum_of_lanes(partial));
}

} // namespace tokamak
