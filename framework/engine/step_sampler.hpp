// The last shard's part of a step: from logits to tokens, with what each sequence wants (DESIGN.md 4, "Sampling").
#pragma once

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

/// Keeps the sampling parameters of announced sequences, and token histories only where penalties need them: both can
/// be rebuilt from a step's `opened` and its rows. One thread.
class step_sampler {
public:
  explicit step_sampler(std::uint32_t vocab_size) : vocab_size_(vocab_size) {}

  /// Takes note of a step's opened and closed sequences and of its tokens. Call for every step, in order.
  void observe(const wire::Step& step);

  /// True if all that the step wants is the largest logit of each output: then choose() may do.
  bool wants_largest(const wire::Step& step) const;
  /// The result with these tokens [O], the largest of their logits; nullopt if one of them cannot be chosen, so that its
  /// logits are needed. REQUIRES: wants_largest(step).
  std::optional<wire::StepResultT> choose(const wire::Step& step, std::span<const std::int32_t> largest) const;

  /// Calls the function once for each output below the number, in any order, several at a time where it can.
  using for_each_output = std::function<void(std::uint32_t outputs, const std::function<void(std::uint32_t output)>&)>;
  /// Chooses for every wanted output. `logits` [O][vocab_size], used as scratch.
  wire::StepResultT sample(const wire::Step& step, std::span<float> logits, const for_each_output& for_each);

private:
  struct state {
    sampler_params params;
    bool keeps_history = false;
    std::vector<std::int32_t> history;
    std::uint32_t answer_start = 0;
  };
  static const state& greedy();
  const state& state_of(const wire::Step& step, std::uint32_t output, std::uint32_t& sequence) const;

  struct chosen {
    std::int32_t token = -1;
    float logprob = 0;
    std::vector<token_logprob> top;
  };
  chosen choose_one(const wire::Step& step, std::uint32_t output, const state& s, std::span<float> logits) const;

  std::uint32_t vocab_size_;
  std::unordered_map<std::uint64_t, state> states_;
};

} // namespace tokamak::engine
