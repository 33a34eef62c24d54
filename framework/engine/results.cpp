// scheduler_core: what comes back from the last shard, and what goes out to the owners of sequences.
#include "engine/scheduler_core.hpp"
#include "message/wire_error.hpp"

#include <algorithm>

namespace tokamak::engine {

/// Output `index` of a result, with its slice of the top lists.
struct scheduler_core::output_view {
  const wire::StepResult& result;
  std::uint32_t index;
  std::uint32_t top_begin;

  std::uint8_t top_count() const { return result.top_counts()->Get(index); }
  void append_top(wire::TopLogprobsT& to) const {
    to.counts.push_back(top_count());
    for (std::uint32_t i = 0; i < top_count(); ++i) {
      to.ids.push_back(result.top_ids()->Get(top_begin + i));
      to.logprobs.push_back(result.top_logprobs()->Get(top_begin + i));
    }
  }
};

void scheduler_core::settle(const step_flight& flight) {
  for (const auto& part : flight.parts)
    if (auto* s = find_number(part.sequence)) {
      s->computed += part.rows;
      s->in_flight -= part.rows;
      if (s->committed_blocks == 0 && s->computed >= s->answer_start) commit(*s, false);
    }
}

void scheduler_core::result(const wire::StepResult& r, std::uint64_t now_us) {
  const auto it = r.epoch() == config_.epoch ? flights_.find(r.id()) : flights_.end();
  if (it == flights_.end()) return; // from before the engine failed
  const auto flight = std::move(it->second);
  flights_.erase(it);
  const auto n_outputs = r.tokens() ? r.tokens()->size() : 0;
  if (r.error() || n_outputs != flight.outputs.size()) {
    const error why = r.error() ? from_wire(*r.error())
                                : error{errc::internal, fmt::format("step {} returned {} outputs, {} expected", r.id(), n_outputs, flight.outputs.size()), {}};
    for (const auto& part : flight.parts)
      if (auto* s = find_number(part.sequence)) finish(*s, wire::FinishReason::error, now_us, &why);
    return flush(now_us);
  }
  settle(flight);
  counters_.step_us = counters_.step_us == 0 ? r.compute_us() : (7 * counters_.step_us + r.compute_us()) / 8;
  std::uint32_t top_begin = 0, failed_begin = 0;
  const auto next_failed = [&](std::uint32_t output) -> const wire::OutputError* {
    if (!r.failed()) return nullptr;
    while (failed_begin < r.failed()->size() && r.failed()->Get(failed_begin)->output() < output) ++failed_begin; // of sequences that ended with an earlier one
    if (failed_begin == r.failed()->size() || r.failed()->Get(failed_begin)->output() > output) return nullptr;
    return r.failed()->Get(failed_begin++);
  };
  for (std::uint32_t i = 0; i < n_outputs; ++i) {
    const output_view o{r, i, top_begin};
    top_begin += o.top_count();
    if (auto* s = find_number(flight.outputs[i].sequence)) {
      if (const auto* failed = next_failed(i)) {
        const auto why = from_wire(*failed->error());
        finish(*s, wire::FinishReason::error, now_us, &why);
      } else if (flight.outputs[i].sample) accept_token(*s, o, now_us);
      else accept_top(*s, o);
    }
  }
  for (const auto& part : flight.parts)
    if (auto* s = find_number(part.sequence)) advance(*s, now_us);
  flush(now_us);
}

bool scheduler_core::ends_generation(const sequence& s, std::int32_t token) const {
  const auto in = [&](const std::vector<std::int32_t>& list) {
    return std::find(list.begin(), list.end(), token) != list.end();
  };
  return in(s.stops.tokens) || ((!s.stops.ignore_eos || s.constraint) && in(config_.end_tokens));
}

void scheduler_core::accept_token(sequence& s, const output_view& o, std::uint64_t now_us) {
  const auto token = o.result.tokens()->Get(o.index);
  const bool first = s.first_token_us == 0;
  if (first) {
    s.first_token_us = now_us;
    counters_.prompt += s.answer_start;
  }
  ++counters_.generated;
  --s.credit;
  if (ends_generation(s, token)) return finish(s, wire::FinishReason::stop, now_us);
  s.tokens.push_back(token);
  auto& c = chunk_for(s);
  c.tokens.push_back(token);
  if (first) c.usage = std::make_unique<wire::UsageT>(usage(s, now_us)); // who stops early knows what the prompt cost
  if (s.sampling.logprobs) c.logprobs.push_back(o.result.logprobs()->Get(o.index));
  if (o.top_count() > 0) {
    if (!c.top) c.top = std::make_unique<wire::TopLogprobsT>();
    o.append_top(*c.top);
  }
  ++s.delivered;
  if (s.length() >= config_.context_length) return finish(s, wire::FinishReason::length, now_us);
  if (s.credit > 0) return;
  if (s.one_shot) return finish(s, wire::FinishReason::length, now_us);
  c.op = s.generate_op;
}

void scheduler_core::accept_top(sequence& s, const output_view& o) {
  if (!s.extending) return;
  o.append_top(s.extend_answer);
  if (s.extend_score && s.extend_answer.counts.size() < s.extend_end - s.extend_begin)
    s.extend_answer.scores.push_back(o.result.logprobs()->Get(o.index));
  if (s.extend_answer.counts.size() == s.extend_end - s.extend_begin) answer_extend(s);
}

void scheduler_core::answer_extend(sequence& s) {
  auto& c = chunk_for(s);
  c.op = s.extend_op;
  c.top = std::make_unique<wire::TopLogprobsT>(std::move(s.extend_answer));
  s.extend_answer = {};
  s.extending = false;
}

// The chunk that this event adds to. An answered operation closes a chunk: what follows begins another.
wire::ChunkT& scheduler_core::chunk_for(sequence& s) {
  auto& items = outbox_[s.owner].items;
  for (auto it = items.rbegin(); it != items.rend(); ++it) {
    if ((*it)->id != s.id) continue;
    if ((*it)->op != 0) break;
    (*it)->length = s.length();
    return **it;
  }
  items.push_back(std::make_unique<wire::ChunkT>());
  auto& c = *items.back();
  c.id = s.id;
  c.attempt = s.attempt;
  c.offset = s.delivered;
  c.length = s.length();
  return c;
}

wire::UsageT scheduler_core::usage(const sequence& s, std::uint64_t now_us) const {
  const auto since = [&](std::uint64_t t) { return t > s.arrival_us ? t - s.arrival_us : 0; };
  wire::UsageT u;
  u.prompt_tokens = s.answer_start;
  u.cached_tokens = s.cached_tokens;
  u.completion_tokens = s.delivered;
  u.queued_us = since(s.first_step_us);
  u.first_token_us = since(s.first_token_us);
  u.total_us = since(now_us);
  return u;
}

void scheduler_core::finish(sequence& s, wire::FinishReason reason, std::uint64_t now_us, const error* why) {
  auto& c = chunk_for(s);
  c.finish = reason;
  c.length = s.length();
  c.usage = std::make_unique<wire::UsageT>(usage(s, now_us));
  if (why) c.error = to_wire(*why);
  ++(reason == wire::FinishReason::error ? counters_.failed : counters_.finished);
  erase(s.id, now_us);
}

void scheduler_core::answer_error(owner_id owner, std::uint64_t id, std::uint64_t op, const error& why) {
  auto& items = outbox_[owner].items;
  items.push_back(std::make_unique<wire::ChunkT>());
  auto& c = *items.back();
  c.id = id;
  c.op = op;
  c.finish = wire::FinishReason::error;
  c.error = to_wire(why);
}

void scheduler_core::erase(std::uint64_t id, std::uint64_t now_us) {
  const auto it = sequences_.find(id);
  if (it == sequences_.end()) return;
  auto& s = *it->second;
  commit(s, true);
  drop_blocks(s);
  if (s.pinned) {
    wire::UnpinT message;
    message.sequences.push_back(s.number);
    effects_.unpin(std::move(message));
  }
  if (s.announced) closed_.push_back(s.number);
  wire::LedgerEntryT entry;
  entry.request = s.parent != 0 ? s.parent : s.id;
  entry.tenant = s.tenant;
  entry.engine = config_.name;
  entry.kinds = {wire::TokenKind::computed, wire::TokenKind::cached, wire::TokenKind::recomputed};
  entry.amounts = {s.rows_computed, s.cached_tokens, s.rows_recomputed};
  effects_.book(std::move(entry));
  std::vector<std::uint64_t> unborn;
  for (const auto& o : s.operations)
    if (o.what == pending_operation::kind::fork) unborn.push_back(o.child);
  order_.erase(std::remove(order_.begin(), order_.end(), id), order_.end());
  by_number_.erase(s.number);
  sequences_.erase(it);
  expect_blocks();
  for (auto child : unborn)
    if (auto* c = find(child)) {
      const error why{errc::not_found, fmt::format("sequence {} ended before it could be forked", id), {}};
      finish(*c, wire::FinishReason::error, now_us, &why);
    }
}

void scheduler_core::flush(std::uint64_t now_us) {
  request_lease();
  form_steps(now_us);
  if (lease_.has_released()) {
    wire::ReleaseT message;
    for (auto& blocks : lease_.take_released()) {
      message.groups.push_back(std::make_unique<wire::BlockListT>());
      message.groups.back()->blocks = std::move(blocks);
    }
    expect_blocks();
    effects_.release(std::move(message));
    request_lease();
  }
  auto outbox = std::exchange(outbox_, {});
  for (auto& [owner, chunks] : outbox) effects_.chunks(owner, std::move(chunks));
}

} // namespace tokamak::engine
