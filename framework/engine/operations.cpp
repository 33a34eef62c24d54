// scheduler_core: what owners ask of sequences. Operations on one sequence take effect in the order sent; each
// waits until those before it are done (CONTRACTS.md, "Sequence").
#include "engine/scheduler_core.hpp"
#include "engine/step_sampler.hpp"
#include "plugin/constraint_texts.hpp"

#include <algorithm>

namespace tokamak::engine {

scheduler_core::scheduler_core(scheduler_config config, plan_function plan, scheduler_effects& effects)
    : config_(std::move(config)), plan_(std::move(plan)), effects_(effects),
      lease_([this] {
        std::vector<std::uint32_t> total;
        for (const auto& g : config_.groups) total.push_back(g.n_blocks);
        return total;
      }()),
      available_(config_.groups.size(), 0) {
  for (std::size_t g = 0; g < config_.groups.size(); ++g) available_[g] = config_.groups[g].n_blocks;
}

std::size_t scheduler_core::n_waiting() const {
  return static_cast<std::size_t>(std::count_if(sequences_.begin(), sequences_.end(), [](const auto& entry) {
    return entry.second->phase != sequence_phase::running;
  }));
}

wire::EngineLoadT scheduler_core::load() const {
  wire::EngineLoadT load;
  load.engine = config_.name;
  load.model = config_.model;
  load.waiting = static_cast<std::uint32_t>(n_waiting());
  load.running = static_cast<std::uint32_t>(n_sequences()) - load.waiting;
  if (!config_.groups.empty()) {
    load.blocks_total = config_.groups[0].n_blocks;
    load.blocks_free = std::min(load.blocks_total, static_cast<std::uint32_t>(lease_.free(0)) + available_[0]);
  }
  load.step_us = counters_.step_us;
  load.draining = draining_;
  return load;
}

expected<void> scheduler_core::admit(const wire::Open& m) const {
  if (draining_) return fail(errc::unavailable, fmt::format("engine '{}' is draining", config_.name));
  if (sequences_.contains(m.id())) return fail(errc::already_exists, fmt::format("sequence {} is open already", m.id()));
  const auto* tokens = m.prompt() ? m.prompt()->tokens() : nullptr;
  if (!tokens || tokens->size() == 0) return fail(errc::invalid_argument, "the prompt has no tokens");
  const auto delivered = m.delivered() ? m.delivered()->size() : 0;
  const std::size_t length = tokens->size() + delivered;
  if (length >= config_.context_length)
    return fail(errc::too_large, fmt::format("prompt of {} tokens does not fit the context of {} tokens", length,
                                             config_.context_length));
  const auto in_range = [&](std::int32_t t) { return t >= 0 && static_cast<std::uint32_t>(t) < config_.vocab_size; };
  for (auto t : *tokens)
    if (!in_range(t))
      return fail(errc::invalid_argument, fmt::format("token {} is outside the vocabulary of {}", t, config_.vocab_size));
  if (m.delivered())
    for (auto t : *m.delivered())
      if (!in_range(t))
        return fail(errc::invalid_argument, fmt::format("token {} is outside the vocabulary of {}", t, config_.vocab_size));
  if (m.stops() && m.stops()->tokens()) // suppressed until min_tokens, by index
    for (auto t : *m.stops()->tokens())
      if (!in_range(t))
        return fail(errc::invalid_argument, fmt::format("stop token {} is outside the vocabulary of {}", t, config_.vocab_size));
  if (m.sampling()) {
    wire::SamplingT sampling;
    m.sampling()->UnPackTo(&sampling);
    if (auto ok = check_sampler(to_sampler_params(sampling), config_.vocab_size); !ok) return ok;
  }
  if (m.constraint()) {
    const auto name = m.constraint()->plugin() ? m.constraint()->plugin()->string_view() : std::string_view();
    if (std::find(config_.constraints.begin(), config_.constraints.end(), name) == config_.constraints.end())
      return fail(plugin::no_such_constraint(fmt::format("engine '{}'", config_.name), name, config_.constraints));
  }
  for (const auto& g : config_.groups) {
    if (g.kind != TK_GROUP_FULL) continue;
    const auto needed = (length + g.block_size) / g.block_size;
    if (needed > g.n_blocks)
      return fail(errc::too_large, fmt::format("prompt of {} tokens needs {} cache blocks; the engine has {}", length,
                                               needed, g.n_blocks));
  }
  if (n_waiting() >= config_.max_waiting)
    return fail(errc::overloaded, fmt::format("engine '{}' has {} requests waiting already", config_.name, n_waiting()));
  return {};
}

void scheduler_core::add(std::unique_ptr<sequence> s) {
  s->number = ++last_number_;
  by_number_.emplace(s->number, s.get());
  order_.push_back(s->id);
  sequences_.emplace(s->id, std::move(s));
}

void scheduler_core::open(owner_id owner, const wire::Open& m, std::uint64_t now_us) {
  if (auto ok = admit(m); !ok) {
    ++counters_.refused;
    answer_error(owner, m.id(), 0, ok.error());
    return flush(now_us);
  }
  auto owned = std::make_unique<sequence>();
  auto& s = *owned;
  s.id = m.id();
  s.parent = m.parent();
  s.owner = owner;
  if (m.trace()) s.trace = m.trace()->str();
  if (m.tenant()) s.tenant = m.tenant()->str();
  if (m.sampling()) m.sampling()->UnPackTo(&s.sampling);
  if (m.stops()) m.stops()->UnPackTo(&s.stops);
  if (m.constraint()) {
    auto constraint = std::make_shared<wire::ConstraintT>();
    m.constraint()->UnPackTo(constraint.get());
    s.constraint = std::move(constraint);
  }
  s.tokens.assign(m.prompt()->tokens()->begin(), m.prompt()->tokens()->end());
  s.answer_start = s.length();
  if (m.delivered()) {
    s.tokens.insert(s.tokens.end(), m.delivered()->begin(), m.delivered()->end());
    s.delivered = m.delivered()->size();
    s.most_computed = s.length() - 1; // another engine has, before it was lost
  }
  s.tables.resize(config_.groups.size());
  s.one_shot = m.generate() > 0;
  s.credit = m.generate();
  s.priority = m.priority();
  s.attempt = m.attempt();
  s.arrival_us = now_us;
  if (m.deadline_us() > 0) s.deadline_us = now_us + m.deadline_us();
  if (m.lease_us() > 0) s.lease_until_us = now_us + m.lease_us();
  note_deadlines(s);
  add(std::move(owned));
  parked_.empty() ? look_up(s) : park(s);
  flush(now_us);
}

void scheduler_core::look_up(sequence& s) {
  s.phase = sequence_phase::waiting;
  std::uint32_t least = UINT32_MAX;
  for (const auto& g : config_.groups) {
    if (g.kind == TK_GROUP_RECURRENT) return; // needs checkpoints, which nobody takes yet: nothing could be reused
    least = std::min(least, g.block_size);
  }
  if (!config_.prefix_cache || config_.groups.empty()) return;
  if (!s.preempted) counters_.looked_up += s.length();
  if (s.length() <= least) return;
  s.phase = sequence_phase::looking_up;
  s.pinned = true;
  wire::CacheLookupT message;
  message.sequence = s.number;
  message.tokens = s.tokens;
  effects_.lookup(std::move(message));
}

void scheduler_core::hit(const wire::CacheHit& m, std::uint64_t now_us) {
  auto* s = find_number(m.sequence());
  if (!s || s->phase != sequence_phase::looking_up) return flush(now_us);
  s->phase = sequence_phase::waiting;
  const bool usable = m.tokens() > 0 && m.tokens() < s->length() && m.groups() &&
                      m.groups()->size() == config_.groups.size();
  if (usable) {
    for (std::uint32_t g = 0; g < m.groups()->size(); ++g) {
      const auto* group = m.groups()->Get(g);
      auto& table = s->tables[g];
      table.first_block = group->first_block();
      if (group->blocks())
        for (auto block : *group->blocks())
          if (lease_.adopt(g, block)) table.blocks.push_back(block);
    }
    s->computed = m.tokens();
    s->most_computed = std::max(s->most_computed, s->computed);
    if (!s->preempted) {
      s->cached_tokens = std::min(m.tokens(), s->answer_start);
      counters_.cached += m.tokens();
    }
  }
  advance(*s, now_us);
  flush(now_us);
}

sequence* scheduler_core::find_or_answer(owner_id owner, std::uint64_t id, std::uint64_t op) {
  auto* s = find(id);
  if (!s) answer_error(owner, id, op, {errc::not_found, fmt::format("no open sequence {}", id), {}});
  return s;
}

void scheduler_core::enqueue(sequence& s, pending_operation operation) { s.operations.push_back(std::move(operation)); }

void scheduler_core::extend(owner_id owner, const wire::Extend& m, std::uint64_t now_us) {
  if (auto* s = find_or_answer(owner, m.id(), m.op())) {
    pending_operation o;
    o.what = pending_operation::kind::extend;
    o.op = m.op();
    if (m.tokens()) o.tokens.assign(m.tokens()->begin(), m.tokens()->end());
    o.top = m.top_logprobs();
    o.score = m.score();
    enqueue(*s, std::move(o));
    advance(*s, now_us);
  }
  flush(now_us);
}

void scheduler_core::generate(owner_id owner, const wire::Generate& m, std::uint64_t now_us) {
  if (auto* s = find_or_answer(owner, m.id(), m.op())) {
    pending_operation o;
    o.what = pending_operation::kind::generate;
    o.op = m.op();
    o.amount = m.tokens();
    enqueue(*s, std::move(o));
    advance(*s, now_us);
  }
  flush(now_us);
}

void scheduler_core::fork(owner_id owner, const wire::Fork& m, std::uint64_t now_us) {
  if (sequences_.contains(m.child())) {
    answer_error(owner, m.child(), 0, {errc::already_exists, fmt::format("sequence {} is open already", m.child()), {}});
  } else if (auto* s = find(m.id())) {
    pending_operation o;
    o.what = pending_operation::kind::fork;
    o.amount = m.length();
    o.child = m.child();
    o.owner = owner;
    enqueue(*s, std::move(o));
    // The child exists from now on, so that what is asked of it can wait with it.
    auto child = std::make_unique<sequence>();
    child->id = m.child();
    child->parent = s->parent;
    child->owner = owner;
    child->arrival_us = now_us;
    child->phase = sequence_phase::forking;
    child->tables.resize(config_.groups.size());
    add(std::move(child));
    advance(*s, now_us);
  } else {
    answer_error(owner, m.child(), 0, {errc::not_found, fmt::format("no open sequence {} to fork", m.id()), {}});
  }
  flush(now_us);
}

void scheduler_core::truncate(owner_id owner, const wire::Truncate& m, std::uint64_t now_us) {
  if (auto* s = find_or_answer(owner, m.id(), 0)) {
    pending_operation o;
    o.what = pending_operation::kind::truncate;
    o.amount = m.length();
    enqueue(*s, std::move(o));
    advance(*s, now_us);
  }
  flush(now_us);
}

void scheduler_core::advance(sequence& s, std::uint64_t now_us) {
  const auto id = s.id;
  while (s.phase != sequence_phase::looking_up && s.phase != sequence_phase::forking && s.in_flight == 0 && s.credit == 0 && !s.extending &&
         !s.operations.empty()) {
    auto operation = std::move(s.operations.front());
    s.operations.pop_front();
    if (!apply(s, operation, now_us) || !sequences_.contains(id)) return;
  }
}

// False when the sequence ended because the operation could not be done.
bool scheduler_core::apply(sequence& s, pending_operation& o, std::uint64_t now_us) {
  using kind = pending_operation::kind;
  const auto give_up = [&](errc code, std::string message) {
    const error why{code, std::move(message), {}};
    finish(s, wire::FinishReason::error, now_us, &why);
    return false;
  };
  switch (o.what) {
    case kind::extend: {
      for (auto t : o.tokens)
        if (t < 0 || static_cast<std::uint32_t>(t) >= config_.vocab_size)
          return give_up(errc::invalid_argument,
                         fmt::format("token {} is outside the vocabulary of {}", t, config_.vocab_size));
      if (s.length() + o.tokens.size() > config_.context_length)
        return give_up(errc::too_large, fmt::format("{} tokens do not fit the context of {} tokens",
                                                    s.length() + o.tokens.size(), config_.context_length));
      s.tokens.insert(s.tokens.end(), o.tokens.begin(), o.tokens.end());
      if (o.top == 0) {
        auto& c = chunk_for(s);
        c.op = o.op;
        return true;
      }
      s.extending = true;
      s.extend_op = o.op;
      s.extend_top = o.top;
      s.extend_score = o.score;
      s.extend_end = s.length();
      // A token's place is predicted by the position before it.
      s.extend_begin = s.extend_end - 1 - (o.score ? static_cast<std::uint32_t>(o.tokens.size()) : 0);
      s.extend_answer = {};
      if (s.computed > s.extend_begin) rewind(s, s.extend_begin); // its logits are gone: compute the row again
      return true;
    }
    case kind::generate:
      s.generate_op = o.op;
      s.credit = o.amount;
      if (s.credit > 0 && s.computed >= s.length()) rewind(s, s.length() - 1);
      return true;
    case kind::truncate:
      if (o.amount == 0 || o.amount > s.length())
        return give_up(errc::invalid_argument, fmt::format("cannot truncate a sequence of {} tokens to {}", s.length(), o.amount));
      s.tokens.resize(o.amount);
      s.changed = s.changed || o.amount < s.answer_start;
      s.answer_start = std::min(s.answer_start, o.amount);
      s.delivered = std::min(s.delivered, s.length() - s.answer_start);
      rewind(s, o.amount);
      return true;
    case kind::fork:
      apply_fork(s, o, now_us);
      return true;
  }
  return true;
}

void scheduler_core::apply_fork(sequence& parent, const pending_operation& o, std::uint64_t now_us) {
  auto* found = find(o.child);
  if (!found) return; // closed meanwhile
  auto& child = *found;
  const auto length = o.amount == 0 ? parent.length() : o.amount;
  if (length > parent.length()) {
    const error why{errc::invalid_argument, fmt::format("cannot fork a sequence of {} tokens at {}", parent.length(), length), {}};
    return finish(child, wire::FinishReason::error, now_us, &why);
  }
  child.trace = parent.trace;
  child.tenant = parent.tenant;
  child.sampling = wire::SamplingT(parent.sampling);
  child.stops = wire::StopsT(parent.stops);
  child.constraint = parent.constraint;
  child.tokens.assign(parent.tokens.begin(), parent.tokens.begin() + length);
  child.answer_start = std::min(parent.answer_start, length);
  child.delivered = length - child.answer_start;
  child.priority = parent.priority;
  child.deadline_us = parent.deadline_us;
  child.lease_until_us = parent.lease_until_us;
  note_deadlines(child);
  child.phase = sequence_phase::waiting;
  share_blocks(parent, child, length);
  advance(child, now_us);
}

void scheduler_core::rewind(sequence& s, std::uint32_t length) {
  if (s.computed <= length) return;
  bool reachable = true;
  for (std::size_t g = 0; g < config_.groups.size(); ++g) {
    const auto& group = config_.groups[g];
    if (group.kind == TK_GROUP_RECURRENT) reachable = false;
    if (group.kind == TK_GROUP_SLIDING) {
      const auto oldest = length + 1 > group.window ? length + 1 - group.window : 0;
      if (s.tables[g].first_block * group.block_size > oldest) reachable = false;
    }
  }
  s.computed = reachable ? length : 0;
  s.committed_blocks = 0;
  for (std::size_t g = 0; g < config_.groups.size(); ++g) {
    auto& table = s.tables[g];
    const auto bs = config_.groups[g].block_size;
    const auto keep = (s.computed + bs - 1) / bs;
    while (!table.blocks.empty() && (s.computed == 0 || table.end_block() > keep)) {
      lease_.drop(g, table.blocks.back());
      table.blocks.pop_back();
    }
    if (s.computed == 0) table.first_block = 0;
  }
}

void scheduler_core::close(std::uint64_t id, std::uint64_t now_us) {
  std::vector<std::uint64_t> ids;
  for (const auto& [other, s] : sequences_)
    if (other == id || s->parent == id) ids.push_back(other);
  for (auto each : ids) {
    ++counters_.cancelled;
    erase(each, now_us);
  }
  flush(now_us);
}

void scheduler_core::close_owner(owner_id owner, std::uint64_t now_us) {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, s] : sequences_)
    if (s->owner == owner) ids.push_back(id);
  for (auto id : ids) {
    ++counters_.cancelled;
    erase(id, now_us);
  }
  flush(now_us);
}

void scheduler_core::renew(const wire::Renew& m, std::uint64_t now_us) {
  if (m.ids())
    for (auto id : *m.ids())
      if (auto* s = find(id)) {
        s->lease_until_us = m.lease_us() > 0 ? now_us + m.lease_us() : 0;
        note_deadlines(*s);
      }
}

void scheduler_core::flow(const wire::Flow& m, std::uint64_t now_us) {
  if (m.ids())
    for (auto id : *m.ids())
      if (auto* s = find(id)) s->paused = m.paused();
  flush(now_us);
}

// Asked after every event, of thousands of sequences in a long queue: kept up to date, and made exact by tick() only.
void scheduler_core::note_deadlines(const sequence& s) {
  for (const auto t : {s.deadline_us, s.lease_until_us})
    if (t != 0 && (next_deadline_us_ == 0 || t < next_deadline_us_)) next_deadline_us_ = t;
}

void scheduler_core::tick(std::uint64_t now_us) {
  std::vector<std::pair<std::uint64_t, bool>> over;
  for (const auto& [id, s] : sequences_) {
    if (s->deadline_us != 0 && now_us >= s->deadline_us) over.emplace_back(id, true);
    else if (s->lease_until_us != 0 && now_us >= s->lease_until_us) over.emplace_back(id, false);
  }
  for (const auto& [id, deadline] : over) {
    const error why = deadline ? error{errc::deadline_exceeded, "the request's deadline passed", {}}
                               : error{errc::cancelled, "the owner's lease on the sequence expired", {}};
    finish(*find(id), deadline ? wire::FinishReason::error : wire::FinishReason::cancelled, now_us, &why);
  }
  next_deadline_us_ = 0;
  for (const auto& [id, s] : sequences_) note_deadlines(*s);
  flush(now_us);
}

void scheduler_core::fail_all(const error& why, std::uint64_t now_us) {
  const auto ids = order_;
  for (auto id : ids)
    if (auto* s = find(id)) finish(*s, wire::FinishReason::error, now_us, &why);
  flights_.clear();
  flush(now_us);
}

} // namespace tokamak::engine
