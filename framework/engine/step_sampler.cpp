// Sampling states by sequence, and one result per step.
#include "engine/step_sampler.hpp"

#include "message/wire_error.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tokamak::engine {
namespace {

sampler_params params_of(const wire::StepOpenT& open) {
  auto p = open.sampling ? to_sampler_params(*open.sampling) : sampler_params{};
  p.ignore_eos = open.ignore_eos;
  p.min_tokens = open.min_tokens;
  p.suppressed = open.suppressed;
  return p;
}

void set(std::span<std::uint32_t> mask, std::size_t token, bool value) {
  if (token / 32 >= mask.size()) return;
  const auto bit = std::uint32_t{1} << (token % 32);
  mask[token / 32] = value ? mask[token / 32] | bit : mask[token / 32] & ~bit;
}

bool any(std::span<const std::uint32_t> mask) {
  return std::any_of(mask.begin(), mask.end(), [](auto word) { return word != 0; });
}

void exclude(std::span<float> logits, std::span<const std::uint32_t> mask) {
  for (std::size_t begin = 0; begin < logits.size(); begin += 32) {
    const auto word = mask[begin / 32];
    if (word == 0xffffffffu) continue;
    const auto part = logits.subspan(begin, std::min<std::size_t>(32, logits.size() - begin));
    for (std::size_t i = 0; i < part.size(); ++i)
      if ((word >> i & 1) == 0) part[i] = -std::numeric_limits<float>::infinity();
  }
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
    s.constrained = open.constraint != nullptr;
    s.keeps_history = s.constrained || needs_history(s.params);
    s.history = std::move(open.history);
    s.answer_start = open.answer_start;
    if (s.constrained) {
      s.begin = constraints_ ? constraints_->compile(open.constraint->plugin, open.constraint->text)
                             : fail(errc::unsupported, "the engine has no constraints");
      s.end_tokens = std::move(open.end_tokens);
    }
    states_[open.id] = std::move(s);
  }
  const auto sequences = step.sequence_ids() ? step.sequence_ids()->size() : 0;
  for (std::uint32_t i = 0; i < sequences; ++i) {
    const auto it = states_.find(step.sequence_ids()->Get(i));
    if (it == states_.end() || !it->second.keeps_history) continue;
    for (auto row = step.row_begin()->Get(i); row < step.row_begin()->Get(i + 1); ++row)
      remember(it->second, step.positions()->Get(row), step.tokens()->Get(row));
  }
}

void step_sampler::remember(state& s, std::uint32_t position, std::int32_t token) const {
  if (s.history.size() <= position) s.history.resize(position + 1, -1);
  if (position < s.matched && s.history[position] != token) s.matcher = {}; // it cannot go back
  s.history[position] = token;
}

// `sequence` counts up with the outputs: those of one step are asked in order.
const step_sampler::state& step_sampler::state_of(const wire::Step& step, std::uint32_t output, std::uint32_t& sequence) const {
  while (step.row_begin()->Get(sequence + 1) <= step.output_rows()->Get(output)) ++sequence;
  const auto it = states_.find(step.sequence_ids()->Get(sequence));
  return it == states_.end() ? unannounced_ : it->second;
}

step_sampler::state& step_sampler::state_of(const wire::Step& step, std::uint32_t output, std::uint32_t& sequence) {
  return const_cast<state&>(std::as_const(*this).state_of(step, output, sequence));
}

bool step_sampler::wants_largest(const wire::Step& step) const {
  const auto outputs = step.output_rows() ? step.output_rows()->size() : 0;
  for (std::uint32_t o = 0, sequence = 0; o < outputs; ++o) {
    if (step.output_kinds()->Get(o) != wire::WantKind::sample || step.output_top()->Get(o) > 0) return false;
    if (const auto& s = state_of(step, o, sequence); s.constrained || !takes_largest(s.params)) return false;
  }
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
  std::vector<state*> states;
  for (std::uint32_t o = 0, sequence = 0; o < outputs; ++o) states.push_back(&state_of(step, o, sequence));
  std::vector<chosen> all(outputs);
  for_each(outputs, [&](std::uint32_t o) {
    // Outputs of one sequence are beside each other; the last of them has its matcher.
    const bool own_matcher = o + 1 == outputs || states[o + 1] != states[o];
    all[o] = choose_one(step, o, *states[o], own_matcher, logits.subspan(std::size_t{o} * vocab_size_, vocab_size_));
  });
  wire::StepResultT result;
  result.program = step.program();
  result.epoch = step.epoch();
  result.id = step.id();
  for (std::uint32_t o = 0; o < outputs; ++o) {
    const auto& c = all[o];
    if (c.failed) {
      result.failed.push_back(std::make_unique<wire::OutputErrorT>());
      result.failed.back()->output = o;
      result.failed.back()->error = to_wire(*c.failed);
    }
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

expected<void> step_sampler::match(const state& s, plugin::constraint_instance::matcher& matcher, std::uint32_t from, std::uint32_t position) {
  for (auto p = from; p < position; ++p)
    if (p >= s.history.size() || !matcher.advance(s.history[p]))
      return fail(errc::invalid_argument, fmt::format("token {} of the answer is not what its constraint allows", p - s.answer_start));
  return {};
}

expected<step_sampler::permission> step_sampler::allowed_at(state& s, std::uint32_t position, bool own_matcher) const {
  if (!s.begin) return fail(s.begin.error());
  plugin::constraint_instance::matcher other;
  auto& matcher = own_matcher ? s.matcher : other;
  auto from = s.matched;
  if (!matcher || s.matched > position) {
    auto begun = (*s.begin)();
    if (!begun) return fail(begun.error());
    matcher = std::move(*begun);
    from = s.answer_start;
  }
  if (auto ok = match(s, matcher, from, position); !ok) {
    matcher = {};
    return fail(ok.error());
  }
  if (own_matcher) s.matched = position;

  permission p;
  p.mask.resize((vocab_size_ + 31) / 32);
  matcher.allowed(p.mask);
  for (const auto token : s.end_tokens) set(p.mask, static_cast<std::size_t>(token), false);
  const auto ending = matcher.ending();
  if (ending == TK_MUST_END) std::fill(p.mask.begin(), p.mask.end(), 0);
  if (ending != TK_MAY_NOT_END)
    for (const auto token : s.end_tokens) set(p.mask, static_cast<std::size_t>(token), true);
  if (!any(p.mask))
    return fail(errc::unsupported, ending == TK_MAY_NOT_END ? "no token of the model can continue the answer as its constraint wants"
                                                            : "the answer has to end as its constraint wants, and the model has no token for that");
  auto rest = p.mask;
  for (const auto token : s.params.suppressed) set(rest, static_cast<std::size_t>(token), false);
  p.only_suppressed = !any(rest);
  return p;
}

step_sampler::chosen step_sampler::choose_one(const wire::Step& step, std::uint32_t output, state& s, bool own_matcher, std::span<float> logits) const {
  chosen c;
  // The token follows the row: its own position is one further.
  const auto position = step.positions()->Get(step.output_rows()->Get(output)) + 1;
  const bool is_top = step.output_kinds()->Get(output) == wire::WantKind::top;
  std::optional<permission> may;
  if (s.constrained && position >= s.answer_start) {
    auto allowed = allowed_at(s, position, own_matcher);
    if (!allowed) {
      c.failed = std::move(allowed.error());
      return c;
    }
    may = std::move(*allowed);
    if (is_top) exclude(logits, may->mask);
  }
  c.top = top_logprobs(logits, step.output_top()->Get(output)); // before sampling uses the logits as scratch
  if (is_top) {
    const auto next = step.output_next() ? step.output_next()->Get(output) : -1;
    if (next >= 0 && static_cast<std::uint32_t>(next) < vocab_size_) c.logprob = logprob_of(logits, next);
    return c;
  }
  const auto history = std::span(s.history).first(std::min<std::size_t>(position, s.history.size()));
  if (!may) {
    const auto sampled = tokamak::sample(logits, s.params, history, s.answer_start, position);
    c.token = sampled.token;
    c.logprob = sampled.logprob;
    return c;
  }
  thread_local std::vector<float> given;
  if (s.params.logprob) given.assign(logits.begin(), logits.end());
  exclude(logits, may->mask);
  auto params = s.params;
  params.logprob = false;
  if (may->only_suppressed) params.suppressed.clear();
  c.token = tokamak::sample(logits, params, history, s.answer_start, position).token;
  if (c.token < 0) c.failed = error{errc::unsupported, "the model gives no probability to any token that its constraint allows", {}};
  else if (s.params.logprob) c.logprob = logprob_of(given, c.token);
  return c;
}

} // namespace tokamak::engine
