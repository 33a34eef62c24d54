// One sequence as its scheduler sees it: tokens, what is computed, which blocks hold it, what is still asked of it.
#pragma once

#include "message/frame.hpp"

#include <cstdint>
#include <deque>
#include <vector>

namespace tokamak::engine {

/// Names an actor that owns sequences; the scheduler actor maps it to an address.
using owner_id = std::uint32_t;

/// Blocks of one cache group: logical block i is blocks[i - first_block].
struct block_table {
  std::uint32_t first_block = 0;
  std::vector<std::uint32_t> blocks;

  std::uint32_t end_block() const { return first_block + static_cast<std::uint32_t>(blocks.size()); }
};

/// An operation that waits for those before it.
struct pending_operation {
  enum class kind : std::uint8_t { extend, generate, fork, truncate };
  kind what = kind::extend;
  std::uint64_t op = 0;               ///< extend, generate: echoed in the answer
  std::vector<std::int32_t> tokens;   ///< extend
  std::uint32_t amount = 0;           ///< generate: tokens; fork and truncate: length
  std::uint64_t child = 0;            ///< fork
  owner_id owner = 0;                 ///< fork: who gets the child's chunks
  std::uint8_t top = 0;               ///< extend
  bool score = false;                 ///< extend
};

enum class sequence_phase : std::uint8_t {
  forking,    ///< its parent has other operations to do first; its own wait
  looking_up, ///< waits for the cache's answer about its prompt
  parked,     ///< gave its blocks up, or came behind one that did: holds nothing until there is room
  waiting,    ///< holds at most blocks of a cache hit, has not run yet
  running     ///< has been in a step
};

/// All of a sequence's state. Plain data: scheduler_core is the only one to change it.
struct sequence {
  std::uint64_t id = 0;
  std::uint64_t number = 0;            ///< what shards and cache know it by: an id may be opened again while the last one's step is under way
  std::uint64_t parent = 0;
  owner_id owner = 0;
  std::string trace;
  std::string tenant;
  wire::SamplingT sampling;
  wire::StopsT stops;
  std::shared_ptr<const wire::ConstraintT> constraint; ///< or null

  std::vector<std::int32_t> tokens;    ///< prompt, then answer
  std::uint32_t answer_start = 0;      ///< length of the prompt
  std::uint32_t computed = 0;          ///< tokens whose rows are in the cache
  std::uint32_t in_flight = 0;         ///< rows of steps that have not returned; they follow `computed`
  std::uint32_t most_computed = 0;     ///< high-water mark: rows below it are recomputed, not computed
  std::uint64_t rows_computed = 0;     ///< for the ledger
  std::uint64_t rows_recomputed = 0;
  std::uint32_t cached_tokens = 0;     ///< of the prompt, from the first cache hit
  std::vector<block_table> tables;     ///< one per cache group
  std::uint32_t committed_blocks = 0;  ///< offered to the cache already

  sequence_phase phase = sequence_phase::waiting;
  bool paused = false;
  bool one_shot = false;               ///< opened with generate: ends when its credit does
  bool announced = false;              ///< the shards know its sampling
  bool changed = false;                ///< they have to be told anew
  bool pinned = false;                 ///< the cache holds pins for it
  bool preempted = false;

  std::uint32_t credit = 0;            ///< answer tokens it may still generate
  std::uint64_t generate_op = 0;
  std::uint32_t delivered = 0;         ///< answer tokens sent in chunks (or delivered before a resume)
  std::deque<pending_operation> operations;

  bool extending = false;              ///< an Extend waits for its rows
  std::uint64_t extend_op = 0;
  std::uint32_t extend_begin = 0;      ///< positions whose predictions it wants
  std::uint32_t extend_end = 0;
  std::uint8_t extend_top = 0;
  bool extend_score = false;           ///< it also wants the log-probabilities of its tokens
  wire::TopLogprobsT extend_answer;

  std::int32_t priority = 0;
  std::uint32_t attempt = 0;
  std::uint64_t arrival_us = 0;
  std::uint64_t first_step_us = 0;
  std::uint64_t first_token_us = 0;
  std::uint64_t deadline_us = 0;       ///< absolute, 0: none
  std::uint64_t lease_until_us = 0;    ///< absolute, 0: none

  std::uint32_t length() const { return static_cast<std::uint32_t>(tokens.size()); }

  /// Rows up to here are wanted now: all when the next token is to be predicted, else all but the last, whose row
  /// is left for whoever asks for a prediction.
  std::uint32_t target() const {
    const bool wants_prediction = credit > 0 || extending;
    return wants_prediction || tokens.empty() ? length() : length() - 1;
  }
  /// The first position whose prediction an Extend still waits for; it waits for all from there to the end. Rows before
  /// it may be computed again, after a preemption, and are not asked again.
  std::uint32_t report_begin() const { return extend_begin + static_cast<std::uint32_t>(extend_answer.counts.size()); }
  /// Rows of the next step that come before it.
  std::uint32_t rows_before_report() const {
    const auto at = computed + in_flight;
    return report_begin() > at ? report_begin() - at : 0;
  }
  std::uint32_t pending_rows() const {
    const auto at = computed + in_flight;
    return target() > at ? target() - at : 0;
  }
};

} // namespace tokamak::engine
