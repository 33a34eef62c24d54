// The scheduler's mind without its actor: sequences in, steps and chunks out (DESIGN.md 5, step 4). Pure and
// single-threaded; time is a parameter, all effects go through scheduler_effects, so tests drive it by hand.
#pragma once

#include "base/error.hpp"
#include "engine/block_lease.hpp"
#include "engine/sequence.hpp"
#include "tokamak/plugin.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <vector>

namespace tokamak::engine {

struct cache_group_config {
  tk_group_kind kind = TK_GROUP_FULL;
  std::uint32_t block_size = 32;
  std::uint32_t window = 0;
  std::uint32_t n_blocks = 0;
};

struct scheduler_config {
  std::string name;
  std::string model; ///< fingerprint of the weights
  std::uint64_t epoch = 0; ///< of this scheduler; its engine's next one has a higher one
  std::vector<cache_group_config> groups;
  std::uint32_t max_step_rows = 512;
  std::uint32_t max_sequences = 64;   ///< in one step
  std::uint32_t max_waiting = 1024;   ///< more are refused as overloaded
  std::uint32_t context_length = 0;
  std::uint32_t vocab_size = 0;
  std::uint32_t max_steps_in_flight = 1; ///< one per pipeline stage
  bool prefix_cache = true;
  std::vector<std::int32_t> end_tokens;  ///< end of generation
  std::vector<std::string> constraints;  ///< their names
};

/// What the scheduler does to the world. Called during scheduler_core's functions, on their thread.
class scheduler_effects {
public:
  virtual ~scheduler_effects() = default;
  virtual void step(frame_of<wire::Step> step) = 0;
  virtual void chunks(owner_id owner, wire::ChunksT chunks) = 0; ///< at most one call per owner and event
  virtual void lookup(wire::CacheLookupT message) = 0;
  virtual void lease(wire::LeaseRequestT message) = 0;
  virtual void commit(wire::CacheCommitT message) = 0;
  virtual void unpin(wire::UnpinT message) = 0;
  virtual void release(wire::ReleaseT message) = 0;
  virtual void book(wire::LedgerEntryT message) = 0;
};

struct scheduler_counters {
  std::uint64_t steps = 0, rows = 0, preempted = 0, finished = 0, failed = 0, cancelled = 0, refused = 0;
  std::uint64_t computed = 0, recomputed = 0, cached = 0, generated = 0;
  std::uint64_t prompt = 0;    ///< of sequences that had a first token
  std::uint64_t looked_up = 0; ///< tokens the cache was asked about, or are too few for a block of it
  std::uint64_t step_us = 0; ///< of computing, mean of the last steps
};

/// Rows and wanted outputs of a step that has not returned.
struct step_flight {
  struct part {
    std::uint64_t sequence; ///< its number
    std::uint32_t rows;
  };
  struct output {
    std::uint64_t sequence; ///< its number
    std::uint32_t position;
    bool sample;
  };
  std::vector<part> parts;
  std::vector<output> outputs;
};

/// Chooses rows for a step: the scheduler plugin's plan().
using plan_function = std::function<void(const tk_schedule_input&, const tk_schedule_plan&)>;

class scheduler_core {
public:
  scheduler_core(scheduler_config config, plan_function plan, scheduler_effects& effects);

  // Operations of sequence owners (schemas/sequence.fbs). Errors are answered with a last chunk, never returned.
  void open(owner_id owner, const wire::Open& message, std::uint64_t now_us);
  void extend(owner_id owner, const wire::Extend& message, std::uint64_t now_us);
  void generate(owner_id owner, const wire::Generate& message, std::uint64_t now_us);
  void fork(owner_id owner, const wire::Fork& message, std::uint64_t now_us);
  void truncate(owner_id owner, const wire::Truncate& message, std::uint64_t now_us);
  void close(std::uint64_t id, std::uint64_t now_us);
  void renew(const wire::Renew& message, std::uint64_t now_us);
  void flow(const wire::Flow& message, std::uint64_t now_us);
  /// The owner is gone: closes all that it opened.
  void close_owner(owner_id owner, std::uint64_t now_us);

  // Answers of the kv_cache actor and of the last shard.
  void hit(const wire::CacheHit& message, std::uint64_t now_us);
  void grant(const wire::LeaseGrant& message, std::uint64_t now_us);
  void result(const wire::StepResult& message, std::uint64_t now_us);

  /// Ends what is past its deadline or lease.
  void tick(std::uint64_t now_us);
  /// When tick() may find something: the earliest deadline or lease end, or that of a sequence that ended or was renewed
  /// meanwhile; 0: never.
  std::uint64_t next_deadline_us() const { return sequences_.empty() ? 0 : next_deadline_us_; }

  /// New sequences are refused as unavailable; running ones finish.
  void drain() { draining_ = true; }
  bool idle() const { return sequences_.empty(); }
  /// Fails everything (the engine is lost).
  void fail_all(const error& reason, std::uint64_t now_us);

  std::uint64_t epoch() const { return config_.epoch; }
  const scheduler_counters& counters() const { return counters_; }
  /// All but the speed, which takes an interval to know.
  wire::EngineLoadT load() const;
  std::size_t n_sequences() const { return sequences_.size(); }
  std::size_t n_waiting() const;
  const block_lease& lease() const { return lease_; }
  std::uint32_t block_size() const { return config_.groups.empty() ? 0 : config_.groups[0].block_size; }

private:
  // operations.cpp
  sequence* find(std::uint64_t id) { auto it = sequences_.find(id); return it == sequences_.end() ? nullptr : it->second.get(); }
  sequence* find_number(std::uint64_t number) { auto it = by_number_.find(number); return it == by_number_.end() ? nullptr : it->second; }
  void add(std::unique_ptr<sequence> s);
  sequence* find_or_answer(owner_id owner, std::uint64_t id, std::uint64_t op);
  expected<void> admit(const wire::Open& message) const;
  void enqueue(sequence& s, pending_operation operation);
  void advance(sequence& s, std::uint64_t now_us); ///< applies waiting operations as far as their turn has come
  bool apply(sequence& s, pending_operation& operation, std::uint64_t now_us);
  void apply_fork(sequence& parent, const pending_operation& operation, std::uint64_t now_us);
  void rewind(sequence& s, std::uint32_t length);
  void look_up(sequence& s);
  void note_deadlines(const sequence& s);

  // blocks.cpp
  bool reserve(sequence& s, std::uint32_t rows);
  bool reserve_group(sequence& s, std::size_t group, std::uint32_t rows);
  void share_blocks(sequence& parent, sequence& child, std::uint32_t length);
  void drop_behind_window(sequence& s, std::size_t group);
  void drop_blocks(sequence& s);
  void commit(sequence& s, bool last);
  void request_lease();
  void expect_blocks();

  // steps.cpp
  void form_steps(std::uint64_t now_us);
  bool form_step(std::uint64_t now_us);
  std::vector<sequence*> eligible() const;
  std::vector<std::uint32_t> plan_rows(const std::vector<sequence*>& candidates, std::uint64_t now_us);
  void add_rows(sequence& s, std::uint32_t rows, wire::StepT& step, step_flight& flight, std::uint64_t now_us);
  void announce(sequence& s, wire::StepT& step);
  void preempt(sequence& s);
  void park(sequence& s);
  void unpark();
  bool has_room_for(const sequence& s) const;
  void unstick(std::uint64_t now_us);

  // results.cpp
  struct output_view; // one output of a step result
  void settle(const step_flight& flight);
  void accept_token(sequence& s, const output_view& o, std::uint64_t now_us);
  void accept_top(sequence& s, const output_view& o);
  bool ends_generation(const sequence& s, std::int32_t token) const;
  void answer_extend(sequence& s);
  wire::ChunkT& chunk_for(sequence& s);
  void finish(sequence& s, wire::FinishReason reason, std::uint64_t now_us, const error* why = nullptr);
  void answer_error(owner_id owner, std::uint64_t id, std::uint64_t op, const error& why);
  void erase(std::uint64_t id, std::uint64_t now_us);
  void flush(std::uint64_t now_us); ///< forms steps, sends collected chunks and releases
  wire::UsageT usage(const sequence& s, std::uint64_t now_us) const;

  scheduler_config config_;
  plan_function plan_;
  scheduler_effects& effects_;
  block_lease lease_;
  std::unordered_map<std::uint64_t, std::unique_ptr<sequence>> sequences_;
  std::unordered_map<std::uint64_t, sequence*> by_number_;
  std::uint64_t last_number_ = 0;
  std::vector<std::uint64_t> order_;                 ///< by arrival
  std::map<std::uint64_t, step_flight> flights_;     ///< by step id
  std::vector<wire::CacheOp> cache_ops_;             ///< for the next step
  std::vector<std::uint64_t> closed_;                ///< numbers that the shards may forget
  std::map<owner_id, wire::ChunksT> outbox_;
  std::vector<std::uint32_t> available_;             ///< blocks the cache could still give, per group
  bool available_known_ = false;                     ///< available_ is what the cache said, and not what may be
  std::set<std::pair<std::uint64_t, std::uint64_t>> parked_; ///< arrival and id, the order in which they come back; some may have ended
  bool lease_asked_ = false;
  bool grant_is_old_ = false;                        ///< blocks went back since the lease was asked for
  bool lease_exhausted_ = false;
  bool draining_ = false;
  std::uint64_t next_step_ = 1;
  std::uint64_t next_deadline_us_ = 0;               ///< no deadline or lease ends before it
  scheduler_counters counters_;
};

} // namespace tokamak::engine
