// A shard's mind without its actor: runs steps in order on its backend, hands activations on, sums partial results
// over tensor-parallel ranks, samples if it is the last (DESIGN.md 5, step 5).
#pragma once

#include "engine/shard_program.hpp"
#include "engine/step_sampler.hpp"

#include <functional>
#include <map>
#include <optional>

namespace tokamak::engine {

/// What a shard does to the world; called on the shard's thread, except that `post` may be used from any thread.
class shard_effects {
public:
  virtual ~shard_effects() = default;
  virtual void result(std::uint64_t step, wire::StepResultT result) = 0;
  virtual void activations(frame_of<wire::Activations> frame) = 0;
  virtual void partial(frame_of<wire::Partial> frame) = 0; ///< to all other ranks
  virtual std::uint64_t now_us() = 0;
};

/// Tells the shard's own thread that a ticket is done. Any thread, perhaps after the shard is gone.
using done_poster = std::function<void(std::uint64_t step, tk_status status, std::string message)>;

class shard_core {
public:
  shard_core(shard_program program, done_poster post, shard_effects& effects);

  void step(frame_of<wire::Step> frame);
  void activations(frame_of<wire::Activations> frame);
  void partial(frame_of<wire::Partial> frame);
  /// What done_poster told.
  void done(std::uint64_t step, tk_status status, const std::string& message);

  struct counters {
    std::uint64_t steps = 0, rows = 0, outputs = 0, failed = 0, busy_us = 0, sample_us = 0;
  };
  const counters& counts() const { return counts_; }
  tk_backend_info describe() const { return program_.backend.describe(); }

private:
  struct job {
    explicit job(frame_of<wire::Step> frame) : view(std::move(frame)) {}
    step_view view;
    std::vector<tk_binding> bindings;
    std::size_t segment = 0;
    bool running = false;
    std::uint64_t started_us = 0;
  };
  struct value_buffer {
    plugin::backend_instance::buffer buffer;
    std::uint64_t bytes = 0;
  };

  void start_next();
  void run_segment();
  expected<void> bind(const program_segment& segment);
  expected<value_buffer*> buffer_for(const bound_value& value);
  void after_segment();
  expected<void> send_partial(const program_segment& segment);
  bool sum_partials(const program_segment& segment);
  void finish();
  expected<void> hand_over();
  expected<wire::StepResultT> sample();
  void fail_job(const error& why);
  expected<std::span<float>> floats(const std::string& name, std::uint64_t count);
  const bound_value* find_output(const std::string& name) const;
  const bound_value* find_input(const std::string& name) const;

  shard_program program_;
  done_poster post_;
  shard_effects& effects_;
  step_sampler sampler_;
  std::map<std::uint64_t, std::unique_ptr<job>> jobs_; ///< by step id, in order
  std::map<std::uint64_t, frame_of<wire::Activations>> received_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::map<std::uint32_t, frame_of<wire::Partial>>> partials_;
  std::map<std::string, value_buffer, std::less<>> buffers_;
  std::vector<float> staging_; ///< for backends whose memory the host cannot see
  counters counts_;
};

} // namespace tokamak::engine
