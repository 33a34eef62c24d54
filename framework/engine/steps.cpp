// scheduler_core: forming steps. The scheduler plugin chooses who computes how many rows; here the choice is held to
// the limits, given blocks, and written down as a Step frame.
#include "engine/scheduler_core.hpp"

#include <algorithm>

namespace tokamak::engine {

std::vector<sequence*> scheduler_core::eligible() const {
  std::vector<sequence*> running, waiting;
  for (auto id : order_) {
    auto* s = sequences_.at(id).get();
    const bool ready = s->phase == sequence_phase::waiting || s->phase == sequence_phase::running;
    if (!ready || s->paused || s->pending_rows() == 0) continue;
    (s->phase == sequence_phase::running ? running : waiting).push_back(s);
  }
  running.insert(running.end(), waiting.begin(), waiting.end());
  return running;
}

void scheduler_core::form_steps(std::uint64_t now_us) {
  unpark();
  while (flights_.size() < config_.max_steps_in_flight && form_step(now_us)) {
  }
  if (flights_.empty()) unstick(now_us);
}

// Asks the plugin; what it preempts gives its blocks up here and gets no rows.
std::vector<std::uint32_t> scheduler_core::plan_rows(const std::vector<sequence*>& candidates, std::uint64_t now_us) {
  tk_schedule_input input{};
  input.size = sizeof input;
  std::vector<tk_schedule_sequence> list;
  list.reserve(candidates.size());
  for (const auto* s : candidates) {
    tk_schedule_sequence e{};
    e.id = s->id;
    e.state = s->phase == sequence_phase::running ? TK_SEQUENCE_RUNNING : TK_SEQUENCE_WAITING;
    e.priority = s->priority;
    e.arrival_us = s->arrival_us;
    e.deadline_us = s->deadline_us;
    e.pending_rows = s->pending_rows();
    e.computed_rows = s->computed + s->in_flight;
    e.is_prefill = s->length() - (s->computed + s->in_flight) > 1 || s->credit == 0;
    e.block_size = config_.groups.empty() ? 1 : config_.groups[0].block_size;
    list.push_back(e);
  }
  std::size_t free = SIZE_MAX;
  for (std::size_t g = 0; g < config_.groups.size(); ++g) free = std::min(free, lease_.free(g) + available_[g]);
  input.sequences = list.data();
  input.n_sequences = list.size();
  input.max_rows = config_.max_step_rows;
  input.max_sequences = config_.max_sequences;
  input.free_blocks = static_cast<std::uint32_t>(std::min<std::size_t>(free, UINT32_MAX));
  input.now_us = now_us;
  std::vector<std::uint32_t> rows(list.size(), 0);
  std::vector<std::uint8_t> preempt_flags(list.size(), 0);
  plan_(input, tk_schedule_plan{rows.data(), preempt_flags.data()});

  for (std::size_t i = 0; i < candidates.size(); ++i)
    if (preempt_flags[i] && candidates[i]->in_flight == 0) {
      preempt(*candidates[i]);
      rows[i] = 0;
    }
  return rows;
}

bool scheduler_core::form_step(std::uint64_t now_us) {
  const auto candidates = eligible();
  if (candidates.empty()) return false;
  const auto rows = plan_rows(candidates, now_us);
  wire::StepT step;
  for (std::size_t g = 0; g < config_.groups.size(); ++g) {
    step.groups.push_back(std::make_unique<wire::GroupStepT>());
    step.groups.back()->table_begin.push_back(0);
  }
  step.row_begin.push_back(0);
  step_flight flight;
  auto left = config_.max_step_rows;
  // A step has room for the logits of max_sequences rows. Reports take what sampling leaves.
  const auto sampling = std::count_if(candidates.begin(), candidates.end(), [](const auto* s) { return s->credit > 0; });
  auto reports = config_.max_sequences - std::min<std::uint32_t>(config_.max_sequences - 1, static_cast<std::uint32_t>(sampling));
  for (std::size_t i = 0; i < candidates.size() && left > 0 && flight.parts.size() < config_.max_sequences; ++i) {
    auto& s = *candidates[i];
    if (s.phase == sequence_phase::parked) continue; // preempted above
    const auto room = config_.max_sequences - static_cast<std::uint32_t>(flight.outputs.size());
    if (room == 0) break;
    auto n = std::min({rows[i], s.pending_rows(), left});
    if (s.extending) n = std::min(n, s.rows_before_report() + std::min(reports, room));
    while (n > 0 && !reserve(s, n)) n /= 2;
    if (n == 0) continue;
    if (s.extending) reports -= n - std::min(n, s.rows_before_report());
    add_rows(s, n, step, flight, now_us);
    left -= n;
  }
  if (flight.parts.empty()) return false;
  if (std::all_of(step.output_next.begin(), step.output_next.end(), [](auto token) { return token < 0; })) step.output_next.clear();
  step.epoch = config_.epoch;
  step.id = next_step_++;
  step.cache_ops = std::exchange(cache_ops_, {});
  step.closed = std::exchange(closed_, {});
  ++counters_.steps;
  counters_.rows += step.tokens.size();
  flights_.emplace(step.id, std::move(flight));
  effects_.step(make_frame<wire::Step>(step));
  return true;
}

void scheduler_core::add_rows(sequence& s, std::uint32_t rows, wire::StepT& step, step_flight& flight,
                              std::uint64_t now_us) {
  const auto begin = s.computed + s.in_flight;
  const auto first_row = static_cast<std::uint32_t>(step.tokens.size());
  if (!s.announced || s.changed) announce(s, step);
  if (s.first_step_us == 0) s.first_step_us = now_us;
  s.phase = sequence_phase::running;
  for (auto p = begin; p < begin + rows; ++p) {
    step.tokens.push_back(s.tokens[p]);
    step.positions.push_back(p);
    const bool sample = s.credit > 0 && p + 1 == s.length();
    const bool top = s.extending && p >= s.report_begin();
    if (!sample && !top) continue;
    step.output_rows.push_back(first_row + (p - begin));
    step.output_kinds.push_back(sample ? wire::WantKind::sample : wire::WantKind::top);
    step.output_top.push_back(sample ? s.sampling.top_logprobs : s.extend_top);
    step.output_next.push_back(top && s.extend_score && p + 1 < s.length() ? s.tokens[p + 1] : -1);
    flight.outputs.push_back({s.number, p, sample});
  }
  step.sequence_ids.push_back(s.number);
  step.row_begin.push_back(static_cast<std::uint32_t>(step.tokens.size()));
  for (std::size_t g = 0; g < config_.groups.size(); ++g) {
    auto& group = *step.groups[g];
    const auto& table = s.tables[g];
    group.context.push_back(begin);
    group.first_block.push_back(table.first_block);
    group.tables.insert(group.tables.end(), table.blocks.begin(), table.blocks.end());
    group.table_begin.push_back(static_cast<std::uint32_t>(group.tables.size()));
  }
  const auto again = s.most_computed > begin ? std::min(rows, s.most_computed - begin) : 0;
  s.rows_recomputed += again;
  s.rows_computed += rows - again;
  counters_.recomputed += again;
  counters_.computed += rows - again;
  s.in_flight += rows;
  s.most_computed = std::max(s.most_computed, begin + rows);
  flight.parts.push_back({s.number, rows});
}

// Tells the shards how to sample this sequence.
void scheduler_core::announce(sequence& s, wire::StepT& step) {
  s.announced = true;
  s.changed = false;
  auto open = std::make_unique<wire::StepOpenT>();
  open->id = s.number;
  open->sampling = std::make_unique<wire::SamplingT>(s.sampling);
  const bool penalties = s.sampling.repetition_penalty != 1 || s.sampling.presence_penalty != 0 ||
                         s.sampling.frequency_penalty != 0;
  if (penalties || s.constraint) open->history.assign(s.tokens.begin(), s.tokens.begin() + s.computed);
  open->answer_start = s.answer_start;
  open->min_tokens = s.stops.min_tokens;
  open->ignore_eos = s.stops.ignore_eos;
  if (s.stops.ignore_eos || s.stops.min_tokens > 0) open->suppressed = config_.end_tokens;
  if (s.stops.min_tokens > 0)
    open->suppressed.insert(open->suppressed.end(), s.stops.tokens.begin(), s.stops.tokens.end());
  if (s.constraint) {
    open->constraint = std::make_unique<wire::ConstraintT>(*s.constraint);
    open->end_tokens = config_.end_tokens;
  }
  step.opened.push_back(std::move(open));
}

void scheduler_core::preempt(sequence& s) {
  ++counters_.preempted;
  commit(s, true);
  drop_blocks(s);
  if (s.pinned) {
    wire::UnpinT message;
    message.sequences.push_back(s.number);
    effects_.unpin(std::move(message));
    s.pinned = false;
  }
  s.preempted = true;
  expect_blocks();
  park(s);
}

// A parked sequence is not looked up: a hit would pin the very blocks that it gave up for others.
void scheduler_core::park(sequence& s) {
  s.phase = sequence_phase::parked;
  parked_.emplace(s.arrival_us, s.id);
}

// Lets parked sequences back in, those that came first before the others, as soon as there is room.
void scheduler_core::unpark() {
  for (; !parked_.empty(); parked_.erase(parked_.begin())) {
    auto* s = find(parked_.begin()->second);
    if (!s || s->phase != sequence_phase::parked) continue; // it ended
    if (!has_room_for(*s)) return;
    look_up(*s);
  }
}

// Room for all its tokens, beside what those need who come before it and the next block of each that runs. Where nobody
// else can go on there is always room: others that hold blocks give way then.
bool scheduler_core::has_room_for(const sequence& s) const {
  const auto blocks_of = [](const cache_group_config& g, std::uint32_t tokens) {
    const auto kept = g.kind == TK_GROUP_SLIDING ? std::min(tokens, g.window + g.block_size) : tokens;
    return g.kind == TK_GROUP_RECURRENT ? 1 : kept / g.block_size + 1;
  };
  bool alone = true;
  std::vector<std::size_t> needed(config_.groups.size(), 0);
  const auto count = [&](const sequence& of) {
    for (std::size_t g = 0; g < needed.size(); ++g)
      needed[g] += of.phase == sequence_phase::running ? 1 : blocks_of(config_.groups[g], of.length());
  };
  count(s);
  for (const auto& [id, other] : sequences_) {
    const bool runs = other->phase == sequence_phase::waiting || other->phase == sequence_phase::running;
    const bool goes_on = other->in_flight > 0 || (runs && !other->paused && other->pending_rows() > 0);
    if (!goes_on && other->phase != sequence_phase::looking_up) continue;
    alone = false;
    count(*other);
  }
  if (alone) return true;
  for (std::size_t g = 0; g < needed.size(); ++g)
    if (lease_.free(g) + (available_known_ ? available_[g] : 0) < needed[g]) return false;
  return true;
}

// Nothing is in flight. If sequences want to run and none can get blocks, the youngest other than the first in line
// gives up its own; if none holds any, the first can never run.
void scheduler_core::unstick(std::uint64_t now_us) {
  while (flights_.empty()) {
    const auto candidates = eligible();
    if (candidates.empty()) {
      unpark();
      if (eligible().empty()) return;
      continue;
    }
    if (lease_asked_ || lease_.has_released()) return;
    request_lease();
    if (lease_asked_) return;
    // The cache may have pinned blocks for them that they do not hold yet, and may give up again once they do.
    if (std::any_of(sequences_.begin(), sequences_.end(), [](const auto& e) { return e.second->phase == sequence_phase::looking_up; })) return;
    auto& first = *candidates.front();
    sequence* youngest = nullptr;
    for (auto id : order_) {
      auto* s = sequences_.at(id).get();
      const bool holds = std::any_of(s->tables.begin(), s->tables.end(), [](const auto& t) { return !t.blocks.empty(); });
      if (holds && s != &first) youngest = s;
    }
    if (youngest) {
      preempt(*youngest);
      if (lease_.has_released() || form_step(now_us)) return;
    } else if (!form_step(now_us)) {
      const error why{errc::out_of_memory,
                      fmt::format("engine '{}' has too few cache blocks for a sequence of {} tokens", config_.name, first.length()),
                      {}};
      finish(first, wire::FinishReason::error, now_us, &why);
    }
  }
}

} // namespace tokamak::engine
