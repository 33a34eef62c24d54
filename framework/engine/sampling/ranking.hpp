// Which tokens come first, without sorting the vocabulary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tokamak {

struct ranked_token {
  float value = 0;
  std::int32_t token = 0;
};

/// Larger value first, then lower id: a total order as long as no value is NaN.
inline bool ranks_before(const ranked_token& a, const ranked_token& b) {
  return a.value > b.value || (a.value == b.value && a.token < b.token);
}

/// The k first-ranked of `values`, in no order; NaN and anything not above `floor` is left out.
std::vector<ranked_token> first_ranked(std::span<const float> values, std::size_t k, float floor);

/// Shortens `tokens` (values: weights >= 0) to the fewest first-ranked ones whose sum reaches `target`, in rank order.
void keep_mass(std::vector<ranked_token>& tokens, double target);

} // namespace tokamak
