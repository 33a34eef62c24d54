// Drives a backend through steps of the small model: block tables, bindings, waiting for completion.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/backend_instance.hpp"
#include "plugin/conformance/tiny_model.hpp"

namespace tokamak::plugin::conformance {

/// Rows of one sequence in a step.
struct part {
  std::uint64_t id = 1;
  std::vector<std::uint32_t> blocks; ///< the sequence's block table
  std::uint32_t context = 0;         ///< rows in the cache already
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> parents;     ///< of these rows, counted within the part; empty: one after the other
  std::vector<std::uint32_t> positions;  ///< empty: context + row
};

/// A submitted step; owns all that the backend may look at until it is done.
class flight {
 public:
  std::uint64_t id = 0;
  flight() = default;
  flight(const flight&) = delete;
  flight& operator=(const flight&) = delete;
  /// Waits, for the backend still looks at what an accepted step points to.
  ~flight();
  /// Waits for the end. Empty, or what went wrong.
  std::string wait();

 private:
  friend class backend_driver;
  static void done(void* user, std::uint64_t ticket, tk_status status, const tk_error* e);

  std::vector<std::int32_t> tokens_, parents_;
  std::vector<std::uint32_t> positions_, output_rows_, context_, first_block_, table_begin_, tables_;
  std::vector<tk_step_sequence> sequences_;
  std::vector<tk_cache_op> cache_ops_;
  tk_step_group group_{};
  tk_binding binding_{};
  backend_instance::buffer logits_;
  bool accepted_ = false;
  std::uint64_t ticket_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  int times_done_ = 0;
  std::uint64_t done_ticket_ = 0;
  std::string fault_;
  std::vector<std::uint64_t>* order_ = nullptr; ///< step ids in order of completion
  std::mutex* order_mutex_ = nullptr;
};

class backend_driver {
 public:
  static constexpr std::uint32_t n_blocks = 64;

  backend_driver(backend_instance& backend, tiny_model& model) : backend_(backend), model_(model) {}
  /// Compiles the model and makes a cache. Empty, or what went wrong.
  std::string start();

  /// Every row is an output. Empty flights mean that submit failed: see fault.
  std::unique_ptr<flight> submit(const std::vector<part>& parts, std::vector<tk_cache_op> cache_ops = {});
  /// Submits, waits and reads: [rows][vocabulary]. On failure empty: see fault.
  std::vector<float> run(const std::vector<part>& parts, std::vector<tk_cache_op> cache_ops = {});
  std::vector<float> read(const flight& f);

  std::string fault;
  std::vector<std::uint64_t> completed; ///< step ids, in order
  const backend_instance::program& program() const { return program_; }
  const backend_instance::cache& cache() const { return cache_; }

 private:
  backend_instance& backend_;
  tiny_model& model_;
  backend_instance::program program_;
  backend_instance::cache cache_;
  std::mutex completed_mutex_;
  std::uint64_t next_step_ = 1;
};

} // namespace tokamak::plugin::conformance
