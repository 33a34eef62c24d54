// Passes over a whole vocabulary: maximum, exponentials, sums. Plain loops in lanes that compilers vectorise; one
// order of additions, so results do not depend on the machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tokamak {

/// Largest of the logits, +inf counted as the largest finite float; -inf if all are NaN or -inf.
float largest_logit(std::span<const float> logits);

/// Lowest index of the largest logit; -1 if all are NaN or -inf.
std::int32_t index_of_largest(std::span<const float> logits);

/// Entries summed together; partial sums of softmax_weights are one a block.
inline constexpr std::size_t softmax_block = 256;

/// weights[i] = exp((logits[i] - largest) / temperature), within 2 units in the last place; 0 for NaN, -inf and
/// anything below exp(-87). May be in place. sums[b] = sum of block b. Returns the total.
double softmax_weights(std::span<const float> logits, float largest, float temperature, std::span<float> weights,
                       std::vector<double>& sums);

/// log(sum(exp(logits))); -inf if all are NaN or -inf.
double log_sum_exp(std::span<const float> logits);

} // namespace tokamak
