// The last shard's part of a step: from logits to tokens, with what each sequence wants (DESIGN.md 4, "Sampling").
#pragma once

#include "engine/constraints.hpp"
#include "engine/sampling/sampler.hpp"
#include "message/frame.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace tokamak::engine {

/// The sampler's form of a sequence's sampling.
sampler_params to_sampler_params(const wire::SamplingT& sampling);

/// Keeps the sampling parameters of announced sequences, and token histories only where penalties or a constraint need
/// them: both can be rebuilt from a step's `opened` and its rows. One thread.
///
/// A constraint comes before all else: what it does not allow has no logit, whatever the bias; end tokens have one where the
/// answer may end, and where nothing but them is allowed neither min_tokens nor ignore_eos keeps the answer from its end.
class step_sampler {
public:
  /// `of_engine` may be null: sequences with a constraint fail.
  explicit step_sampler(std::uint32_t vocab_size, std::shared_ptr<constraints> of_engine = nullptr)
      : vocab_size_(vocab_size), constraints_(std::move(of_engine)) {}

  /// Takes note of a step's opened and closed sequences and of its tokens. Call for every step, in order.
  void observe(const wire::Step& step);

  /// True if all that the step wants is the largest logit of each output: then choose() may do.
  bool wants_largest(const wire::Step& step) const;
  /// The result with these tokens [O], the largest of their logits; nullopt if one of them cannot be chosen, so that its
  /// logits are needed. REQUIRES: wants_largest(step).
  std::optional<wire::StepResultT> choose(const wire::Step& step, std::span<const std::int32_t> largest) const;

  /// Calls the function once for each output below the number, in any order, several at a time where it can.
  using for_each_output = std::function<void(std::uint32_t outputs, const std::function<void(std::uint32_t output)>&)>;
  /// Chooses for every wanted output. `logits` [O][vocab_size], used as scratch. Log-probabilities are those of the model,
  /// but of `top` outputs in an answer with a constraint: those say what may come next.
  wire::StepResultT sample(const wire::Step& step, std::span<float> logits, const for_each_output& for_each);

private:
  struct state {
    sampler_params params;
    bool keeps_history = false;
    std::vector<std::int32_t> history;
    std::uint32_t answer_start = 0;

    bool constrained = false;
    expected<constraints::begin_matcher> begin; ///< where constrained
    std::vector<std::int32_t> end_tokens;
    plugin::constraint_instance::matcher matcher;
    std::uint32_t matched = 0; ///< the position of the next token that the matcher takes
  };
  state& state_of(const wire::Step& step, std::uint32_t output, std::uint32_t& sequence);
  const state& state_of(const wire::Step& step, std::uint32_t output, std::uint32_t& sequence) const;
  void remember(state& s, std::uint32_t position, std::int32_t token) const;

  struct chosen {
    std::int32_t token = -1;
    float logprob = 0;
    std::vector<token_logprob> top;
    std::optional<error> failed;
  };
  /// What the constraint says of one position.
  struct permission {
    std::vector<std::uint32_t> mask; ///< one bit a token, end tokens as the answer's end is allowed
    bool only_suppressed = false;    ///< nothing but what min_tokens and ignore_eos keep away
  };
  static expected<void> match(const state& s, plugin::constraint_instance::matcher& matcher, std::uint32_t from, std::uint32_t position);
  expected<permission> allowed_at(state& s, std::uint32_t position, bool own_matcher) const;
  /// `own_matcher`: no other output of the step is at this sequence's.
  chosen choose_one(const wire::Step& step, std::uint32_t output, state& s, bool own_matcher, std::span<float> logits) const;

  std::uint32_t vocab_size_;
  std::shared_ptr<constraints> constraints_;
  std::unordered_map<std::uint64_t, state> states_;
  state unannounced_; ///< of sequences that nothing is known of: greedy
};

} // namespace tokamak::engine
