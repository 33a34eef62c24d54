// From logits to a token: the end of a step on the last shard. Pure functions of (logits, parameters, token ids,
// position); same inputs, same token, on any machine and in any order of calls.
//
// Order: 1. logit bias is added. 2. Penalties: repetition (positive logits divided, others multiplied; Keskar et al.
// 2019), then frequency and presence subtracted. 3. Suppressed tokens are excluded. Greedy takes the largest of
// these. Else 4. division by temperature, 5. top_k, 6. top_p over what top_k left (Holtzman et al. 2020), 7. min_p
// relative to the most likely token, 8. a draw. Equal logits rank by id, lowest first, in every step.
//
// A NaN or -inf logit is never chosen; +inf counts as the largest finite number. Log-probabilities come from the logits
// as the model gave them, before any of the above.
#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tokamak {

struct logit_bias {
  std::int32_t token = 0;
  float value = 0;
};

/// Defaults mean "off". Fields as in schemas/sequence.fbs (Sampling) and step.fbs (StepOpen).
struct sampler_params {
  float temperature = 0; ///< below 1e-5: greedy
  std::uint32_t top_k = 0;
  float top_p = 1;
  float min_p = 0;
  float repetition_penalty = 1; ///< over prompt and answer
  float presence_penalty = 0;   ///< over the answer
  float frequency_penalty = 0;  ///< over the answer
  std::uint64_t seed = 0;
  std::vector<logit_bias> bias;
  std::vector<std::int32_t> suppressed; ///< cannot be chosen while ignore_eos or fewer than min_tokens are answered
  std::uint32_t min_tokens = 0;
  bool ignore_eos = false;
  bool logprob = false; ///< compute sampled::logprob
};

/// Errors (invalid_argument) name the field, as "top_p is 1.5, expected above 0 and at most 1".
expected<void> check_sampler(const sampler_params& params, std::size_t vocab_size);

/// True if sample() reads the history.
bool needs_history(const sampler_params& params);

/// True if sample() takes the largest logit of those that are not suppressed, and nothing else is asked of the logits.
bool takes_largest(const sampler_params& params);

/// True if the token cannot be chosen at `position` of an answer that began at `answer_start`.
bool is_suppressed(const sampler_params& params, std::int32_t token, std::uint32_t answer_start, std::uint32_t position);

struct sampled {
  std::int32_t token = -1; ///< -1: no token could be chosen (all excluded, NaN or -inf)
  float logprob = 0;       ///< of the chosen token where asked for
};

/// Chooses the token at `position` of a sequence. `logits` [vocab] is used as scratch and left changed. history[i] is
/// the token at position i (others than vocabulary ids are skipped) and may be empty unless needs_history();
/// `answer_start` is the first position that counts as answer. `draw` tells apart several choices at one position.
/// Any thread. REQUIRES: check_sampler(params, logits.size()).
sampled sample(std::span<float> logits, const sampler_params& params, std::span<const std::int32_t> history,
               std::uint32_t answer_start, std::uint32_t position, std::uint32_t draw = 0);

struct token_logprob {
  std::int32_t token = 0;
  float logprob = 0;
};

/// The k most likely tokens of the unmodified distribution, most likely first. Fewer where the vocabulary is smaller or
/// logits are NaN or -inf.
std::vector<token_logprob> top_logprobs(std::span<const float> logits, std::size_t k);

/// Of one token. REQUIRES: token < logits.size().
float logprob_of(std::span<const float> logits, std::int32_t token);

} // namespace tokamak
