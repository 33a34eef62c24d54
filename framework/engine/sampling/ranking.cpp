// Selection by threshold: most of a vocabulary is refused by one comparison in a vectorised loop.
#include "engine/sampling/ranking.hpp"

#include <algorithm>

namespace tokamak {

namespace {

constexpr std::size_t lanes = 32;

/// Drops all but the k first-ranked and returns the value that a later token must exceed.
float trim(std::vector<ranked_token>& kept, std::size_t k) {
  const auto last = kept.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(kept.begin(), last, kept.end(), ranks_before);
  kept.resize(k);
  return kept.back().value;
}

} // namespace

std::vector<ranked_token> first_ranked(std::span<const float> values, std::size_t k, float floor) {
  std::vector<ranked_token> kept;
  if (k == 0)
    return kept;
  const std::size_t capacity = std::min(values.size(), 2 * std::min(k, values.size()) + 256);
  kept.reserve(capacity + lanes);
  float threshold = floor;
  const auto take = [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      if (values[i] > threshold) // ids ascend, so an equal value ranks behind
        kept.push_back({values[i], static_cast<std::int32_t>(i)});
    if (kept.size() >= capacity && kept.size() > k)
      threshold = trim(kept, k);
  };
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    int any = 0;
    for (std::size_t j = 0; j < lanes; ++j)
      any |= values[i + j] > threshold ? 1 : 0;
    if (any != 0)
      take(i, i + lanes);
  }
  take(i, values.size());
  if (kept.size() > k)
    trim(kept, k);
  return kept;
}

void keep_mass(std::vector<ranked_token>& tokens, double target) {
  double sum = 0;
  std::size_t sorted = 0;
  std::size_t next = 64;
  while (sorted < tokens.size()) {
    const std::size_t end = std::min(next, tokens.size());
    const auto at = [&](std::size_t i) { return tokens.begin() + static_cast<std::ptrdiff_t>(i); };
    if (end < tokens.size())
      std::nth_element(at(sorted), at(end), tokens.end(), ranks_before);
    std::sort(at(sorted), at(end), ranks_before);
    for (; sorted < end; ++sorted) {
      sum += tokens[sorted].value;
      if (sum >= target) {
        tokens.resize(sorted + 1);
        return;
      }
    }
    next *= 4; // a flat distribution ends in a few rounds, a usual one in the first
  }
}

} // namespace tokamak
