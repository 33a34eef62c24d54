// A shard's mind without its actor: runs steps in order on its backend, hands activations on, sums partial results
// over tensor-parallel ranks, samples if it is the last (DESIGN.md 5, step 5). Between steps it reads and fills cache
// blocks for the kv_cache actor.
#pragma once

#include "engine/shard_program.hpp"
#include "engine/step_sampler.hpp"

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace tokamak::engine {

/// What a shard does to the world; called on the shard's thread, except that `post` may be used from any thread.
class shard_effects {
public:
  virtual ~shard_effects() = default;
  virtual void result(std::uint64_t step, wire::StepResultT result) = 0;
  virtual void activations(frame_of<wire::Activations> frame) = 0;
  virtual void partial(frame_of<wire::Partial> frame) = 0; ///< to all other ranks
  virtual void transferred(frame_of<wire::CacheTransferred> frame) = 0; ///< to the kv_cache
  virtual std::uint64_t now_us() = 0;
};

/// Tells the shard's own thread that the backend finished a job. Any thread, perhaps after the shard is gone.
using done_poster = std::function<void(std::uint64_t job, tk_status status, std::string message)>;

class shard_core {
public:
  shard_core(shard_program program, done_poster post, shard_effects& effects);
  /// Waits for a step that the backend is at: it uses what goes with the shard.
  ~shard_core();

  /// Frames of an epoch before the newest are ignored; the first of a newer one makes the shard forget all before it.
  void step(frame_of<wire::Step> frame);
  void activations(frame_of<wire::Activations> frame);
  void partial(frame_of<wire::Partial> frame);
  /// Reads or fills cache blocks, after the steps that came before. Errors are in the answer.
  void transfer(frame_of<wire::CacheTransfer> frame);
  /// What done_poster told.
  void done(std::uint64_t job, tk_status status, const std::string& message);

  struct counters {
    std::uint64_t steps = 0, rows = 0, outputs = 0, failed = 0, busy_us = 0, sample_us = 0;
    std::uint64_t blocks_read = 0, blocks_filled = 0; ///< by transfers
  };
  const counters& counts() const { return counts_; }
  tk_backend_info describe() const { return program_.backend.describe(); }
  /// What the backend counts.
  std::vector<std::pair<std::string, double>> backend_counts() const { return program_.backend.counters(); }

private:
  struct value_buffer {
    plugin::backend_instance::buffer buffer;
    std::uint64_t bytes = 0;
  };
  /// A step, or a transfer.
  struct job {
    explicit job(frame_of<wire::Step> frame) : view(std::move(frame)) {}
    explicit job(frame_of<wire::CacheTransfer> frame) : transfer(std::move(frame)) {}
    std::uint64_t number = 0; ///< for done()
    std::optional<step_view> view;
    frame_of<wire::CacheTransfer> transfer;
    std::vector<value_buffer> blocks;   ///< transfer: one buffer a group, empty where there is nothing to move
    std::vector<tk_cache_op> block_ops; ///< transfer: what the running step points to, like the next
    std::vector<tk_step_group> no_tables;
    std::vector<tk_binding> bindings;
    std::size_t segment = 0;
    bool running = false;
    bool abandoned = false; ///< of an epoch that is over: nobody waits for it
    std::uint64_t started_us = 0;
  };

  job& current() { return *jobs_.front(); }
  std::uint64_t step_id() { return current().view->message().id(); }
  void enqueue(std::unique_ptr<job> j);
  bool in_epoch(std::uint64_t epoch);
  void forget();
  void start_next();
  void begin_step();
  void submit(const program_segment& segment, const tk_step& step);
  void run_segment();
  expected<void> bind(const program_segment& segment);
  expected<value_buffer*> buffer_for(const bound_value& value);
  void after_segment();
  expected<void> send_partial(const program_segment& segment);
  bool sum_partials(const program_segment& segment);
  void finish();
  expected<void> hand_over();
  expected<wire::StepResultT> sample();
  void end_job();
  void fail_job(const error& why);
  void fail_step(const error& why);

  // shard_transfer.cpp
  void run_transfer();
  expected<void> prepare_transfer(job& j);
  void finish_transfer();
  void answer_transfer(const error* why, std::vector<attachment> blocks);

  expected<std::span<float>> floats(const std::string& name, std::uint64_t count);
  const bound_value* find_output(const std::string& name) const;
  const bound_value* find_input(const std::string& name) const;

  shard_program program_;
  done_poster post_;
  shard_effects& effects_;
  step_sampler sampler_;
  std::deque<std::unique_ptr<job>> jobs_; ///< in order of arrival; the first may be running
  std::uint64_t next_job_ = 1;
  std::shared_ptr<std::atomic<bool>> in_flight_ = std::make_shared<std::atomic<bool>>(false); ///< submitted, not done
  std::uint64_t epoch_ = 0;
  std::map<std::uint64_t, frame_of<wire::Activations>> received_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::map<std::uint32_t, frame_of<wire::Partial>>> partials_;
  std::map<std::string, value_buffer, std::less<>> buffers_;
  std::vector<float> staging_; ///< for backends whose memory the host cannot see
  counters counts_;
};

} // namespace tokamak::engine
