// Sampling states by sequence, and one result per step.
#include "engine/step_sampler.hpp"

namespace tokamak::engine {
namespace {

sampler_params params_of(const wire::StepOpenT& open) {
  auto p = open.sampling ? to_sampler_params(*open.sampling) : sampler_params{};
  p.ignore_eos = open.ignore_eos;
  p.min_tokens = open.min_tokens;
  p.suppressed = open.suppressed;
  return p;
}

} // namespace

sampler_params to_sampler_params(const wire::SamplingT& s) {
  sampler_params p;
  p.temperature = s.temperature;
  p.top_k = s.top_k;
  p.top_p = s.top_p;
  p.min_p = s.min_p;
  p.repetition_penalty = s.repetition_penalty;
  p.presence_penalty = s.presence_penalty;
  p.frequency_penalty = s.frequency_penalty;
  p.seed = s.seed.value_or(0);
  p.logprob = s.logprobs;
  for (std::size_t i = 0; i < s.bias_tokens.size(); ++i) p.bias.push_back({s.bias_tokens[i], s.bias_values[i]});
  return p;
}

void step_sampler::observe(const wire::Step& step) {
  if (step.closed())
    for (auto id : *step.closed()) states_.erase(id);
  for (std::uint32_t i = 0; step.opened() && i < step.opened()->size(); ++i) {
    wire::StepOpenT open;
    step.opened()->Get(i)->UnPackTo(&open);
    state s;
    s.params = params_of(open);
    s.keeps_history = needs_history(s.params);
    s.history = std::move(open.history);
    s.answer_start = open.answer_start;
    states_[open.id] = std::move(s);
  }
  const auto sequences = step.sequence_ids() ? step.sequence_ids()->size() : 0;
  for (std::uint32_t i = 0; i < sequences; ++i) {
    const auto it = states_.find(step.sequence_ids()->Get(i));
    if (it == states_.end() || !it->second.keeps_history) continue;
    auto& history = it->second.history;
    for (auto row = step.row_begin()->Get(i); row < step.row_begin()->Get(i + 1); ++row) {
      const auto position = step.positions()->Get(row);
      if (history.size() <= position) history.resize(position + 1, -1);
      history[position] = step.tokens()->Get(row);
    }
  }
}

const step_sampler::state& step_sampler::greedy() {
  static const state s;
  return s;
}

// `sequence` counts up with the outputs: those of one step are asked in order.
const step_sampler::state& step_sampler::state_of(const wire::Step& step, std::uint32_t output, std::uint32_t& sequence) const {
  while (step.row_begin()->Get(sequence + 1) <= step.output_rows()->Get(output)) ++sequence;
  const auto it = states_.find(step.sequence_ids()->Get(sequence));
  return it == states_.end() ? greedy() : it->second;
}

bool step_sampler::wants_largest(const wire::Step& step) const {
  const auto outputs = step.output_rows() ? step.output_rows()->size() : 0;
  for (std::uint32_t o = 0, sequence = 0; o < outputs; ++o)
    if (step.output_kinds()->Get(o) != wire::WantKind::sample || step.output_top()->Get(o) > 0 ||
        !takes_largest(state_of(step, o, sequence).params))
      return false;
  return true;
}

std::optional<wire::StepResultT> step_sampler::choose(const wire::Step& step, std::span<const std::int32_t> largest) const {
  wire::StepResultT result;
  result.program = step.program();
  result.epoch = step.epoch();
  result.id = step.id();
  for (std::uint32_t o = 0, sequence = 0; o < largest.size(); ++o) {
    const auto& s = state_of(step, o, sequence);
    // The token follows the row: its own position is one further.
    const auto position = step.positions()->Get(step.output_rows()->Get(o)) + 1;
    if (largest[o] < 0 || is_suppressed(s.params, largest[o], s.answer_start, position)) return std::nullopt;
  }
  result.tokens.assign(largest.begin(), largest.end());
  result.logprobs.assign(largest.size(), 0);
  result.top_counts.assign(largest.size(), 0);
  return result;
}

wire::StepResultT step_sampler::sample(const wire::Step& step, std::span<float> logits, const for_each_output& for_each) {
  const std::uint32_t outputs = step.output_rows() ? step.output_rows()->size() : 0;
  std::vector<const state*> states;
  for (std::uint32_t o = 0, sequence = 0; o < outputs; ++o) states.push_back(&state_of(step, o, sequence));
  std::vector<chosen> all(outputs);
  for_each(outputs, [&](std::uint32_t o) { all[o] = choose_one(step, o, *states[o], logits.subspan(std::size_t{o} * vocab_size_, vocab_size_)); });
  wire::StepResultT result;
  result.program = step.program();
  result.epoch = step.epoch();
  result.id = step.id();
  for (const auto& c : all) {
    result.tokens.push_back(c.token);
    result.logprobs.push_back(c.logprob);
    result.top_counts.push_back(static_cast<std::uint8_t>(c.top.size()));
    for (const auto& [token, logprob] : c.top) {
      result.top_ids.push_back(token);
      result.top_logprobs.push_back(logprob);
    }
  }
  return result;
}

step_sampler::chosen step_sampler::choose_one(const wire::Step& step, std::uint32_t output, const state& s, std::span<float> logits) const {
  chosen c;
  c.top = top_logprobs(logits, step.output_top()->Get(output)); // before sampling uses the logits as scratch
  if (step.output_kinds()->Get(output) == wire::WantKind::top) {
    const auto next = step.output_next() ? step.output_next()->Get(output) : -1;
    if (next >= 0 && static_cast<std::uint32_t>(next) < vocab_size_) c.logprob = logprob_of(logits, next);
    return c;
  }
  // The token follows the row: its own position is one further.
  const auto position = step.positions()->Get(step.output_rows()->Get(output)) + 1;
  const auto seen = std::min<std::size_t>(position, s.history.size());
  const auto sampled = tokamak::sample(logits, s.params, std::span(s.history).first(seen), s.answer_start, position);
  c.token = sampled.token;
  c.logprob = sampled.logprob;
  return c;
}

} // namespace tokamak::engine
