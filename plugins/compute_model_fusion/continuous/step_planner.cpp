// Continuous batching: a step holds the next token of every running sequence and, beside them, pieces of prompts.
#include "step_planner.hpp"

#include <algorithm>

namespace tokamak::continuous {
namespace {

std::uint64_t blocks(std::uint64_t rows, std::uint32_t block_size) {
  const std::uint64_t b = std::max<std::uint32_t>(1, block_size);
  return (rows + b - 1) / b;
}

/// Blocks that a sequence holds, if it holds one for each row computed. In a sliding group it may be fewer: the host
/// checks again when it allocates.
std::uint64_t held(const tk_schedule_sequence& s) { return blocks(s.computed_rows, s.block_size); }

/// New blocks for n more rows.
std::uint64_t need(const tk_schedule_sequence& s, std::uint64_t n) {
  return blocks(s.computed_rows + n, s.block_size) - held(s);
}

/// Rows that fit into the last block begun and `free` new ones.
std::uint32_t fitting(const tk_schedule_sequence& s, std::uint64_t free, std::uint32_t wanted) {
  const std::uint64_t b = std::max<std::uint32_t>(1, s.block_size);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, (held(s) + free) * b - s.computed_rows));
}

} // namespace

bool step_planner::better(const candidate& a, const candidate& b) const {
  const auto& x = *a.sequence;
  const auto& y = *b.sequence;
  if (a.starving != b.starving) return a.starving;
  if (!a.starving) {
    if (settings_.order == ordering::deadline) {
      const std::uint64_t dx = x.deadline_us ? x.deadline_us : UINT64_MAX;
      const std::uint64_t dy = y.deadline_us ? y.deadline_us : UINT64_MAX;
      if (dx != dy) return dx < dy;
    }
    if (settings_.order != ordering::arrival && x.priority != y.priority) return x.priority > y.priority;
  }
  if (x.arrival_us != y.arrival_us) return x.arrival_us < y.arrival_us;
  return a.index < b.index;
}

void step_planner::collect(const tk_schedule_input& input) {
  order_.clear();
  running_ = 0;
  promised_blocks_ = 0;
  decode_rows_ahead_ = 0;
  for (std::uint32_t i = 0; i < input.n_sequences; ++i) {
    const auto& s = input.sequences[i];
    const bool running = s.state == TK_SEQUENCE_RUNNING;
    running_ += running;
    if (s.pending_rows == 0) continue;
    const bool starving = input.now_us >= s.arrival_us && input.now_us - s.arrival_us >= settings_.starve_after_us;
    const bool decode = running && !s.is_prefill;
    if (decode) decode_rows_ahead_ += s.pending_rows;
    else if (running) promised_blocks_ += need(s, s.pending_rows);
    order_.push_back({i, starving, running, decode, &s});
  }
  std::sort(order_.begin(), order_.end(), [this](const candidate& a, const candidate& b) {
    if (a.starving != b.starving) return a.starving;
    if (!a.starving && a.decode != b.decode) return a.decode;
    return better(a, b);
  });
}

void step_planner::plan(const tk_schedule_input& input, std::span<std::uint32_t> rows,
                        std::span<std::uint8_t> preempt) {
  rows_ = rows;
  preempt_ = preempt;
  rows_left_ = input.max_rows;
  sequences_left_ = max_sequences_ = input.max_sequences;
  prefill_left_ = settings_.prefill_rows ? settings_.prefill_rows : input.max_rows;
  prefill_floor_ = std::max(1u, input.max_rows / 8);
  free_blocks_ = input.free_blocks;
  closed_ = false;
  collect(input);
  for (const auto& c : order_) {
    if (!rows_left_ || !sequences_left_) break;
    if (preempt_[c.index]) continue;
    if (c.decode) take_decode(c);
    else take_prompt(c);
  }
  if (rows_left_ == input.max_rows) force_progress();
}

void step_planner::take(const candidate& c, std::uint32_t n) {
  const std::uint64_t taken = need(*c.sequence, n);
  rows_[c.index] = n;
  rows_left_ -= n;
  --sequences_left_;
  free_blocks_ -= std::min(free_blocks_, taken);
  if (!c.decode) {
    prefill_left_ -= std::min(prefill_left_, n);
    promised_blocks_ -= std::min(promised_blocks_, taken);
  }
}

void step_planner::take_decode(const candidate& c) {
  decode_rows_ahead_ -= std::min<std::uint64_t>(decode_rows_ahead_, c.sequence->pending_rows);
  const std::uint32_t wanted = std::min(c.sequence->pending_rows, rows_left_);
  if (const std::uint32_t n = make_room(c, wanted)) take(c, n);
}

/// Rows of c that have blocks, after taking blocks from worse sequences if it needs them.
std::uint32_t step_planner::make_room(const candidate& c, std::uint32_t wanted) {
  const std::uint64_t needed = need(*c.sequence, wanted);
  if (needed <= free_blocks_) return wanted;
  std::uint64_t reachable = free_blocks_;
  for (const auto& v : order_)
    if (v.running && !rows_[v.index] && !preempt_[v.index] && better(c, v)) reachable += held(*v.sequence);
  if (reachable >= needed)
    while (free_blocks_ < needed) give_back(*worst_victim(c));
  return fitting(*c.sequence, free_blocks_, wanted);
}

/// The worst sequence that has blocks and no rows in this step yet, if it is worse than `than`.
step_planner::candidate* step_planner::worst_victim(const candidate& than) {
  candidate* worst = nullptr;
  for (auto& v : order_)
    if (v.running && !rows_[v.index] && !preempt_[v.index] && held(*v.sequence) && better(than, v) &&
        (!worst || better(*worst, v)))
      worst = &v;
  return worst;
}

void step_planner::give_back(const candidate& victim) {
  const auto& s = *victim.sequence;
  preempt_[victim.index] = 1;
  free_blocks_ += held(s);
  --running_;
  if (victim.decode) decode_rows_ahead_ -= std::min<std::uint64_t>(decode_rows_ahead_, s.pending_rows);
  else promised_blocks_ -= std::min(promised_blocks_, need(s, s.pending_rows));
}

void step_planner::take_prompt(const candidate& c) {
  // A starving prompt stands before decodes in the order; it leaves them their rows, but for the floor.
  const std::uint64_t spare = rows_left_ > decode_rows_ahead_ ? rows_left_ - decode_rows_ahead_ : 0;
  const auto share = static_cast<std::uint32_t>(std::max<std::uint64_t>(spare, std::min(prefill_floor_, rows_left_)));
  const std::uint32_t wanted = std::min({c.sequence->pending_rows, settings_.prefill_chunk, prefill_left_, share});
  if (!wanted || (!c.running && !admit(c))) return;
  if (const std::uint32_t n = fitting(*c.sequence, free_blocks_, wanted)) take(c, n);
}

/// A waiting sequence begins only if its whole prompt has blocks beside what others were promised: two halves of
/// prompts that block each other help nobody.
bool step_planner::admit(const candidate& c) {
  if (closed_ || running_ >= max_sequences_) return false;
  const std::uint64_t whole = need(*c.sequence, c.sequence->pending_rows);
  const std::uint64_t kept = promised_blocks_ + std::uint64_t{settings_.headroom_blocks} * running_;
  if (free_blocks_ < whole + kept) {
    closed_ = c.starving;
    return false;
  }
  promised_blocks_ += whole;
  ++running_;
  return true;
}

/// Nothing could be planned. The best running sequence takes blocks from the others; if none runs, the first
/// waiting one starts with what there is.
void step_planner::force_progress() {
  candidate* first = nullptr;
  for (auto& c : order_)
    if (c.running && !preempt_[c.index] && (!first || better(c, *first))) first = &c;
  if (!first && !order_.empty()) first = &order_.front();
  if (!first || !rows_left_ || !sequences_left_) return;
  std::uint32_t wanted = std::min(first->sequence->pending_rows, rows_left_);
  if (!first->decode) wanted = std::min(wanted, settings_.prefill_chunk);
  if (first->running) make_room(*first, 1);
  if (const std::uint32_t n = fitting(*first->sequence, free_blocks_, wanted)) take(*first, n);
}

} // namespace tokamak::continuous
