// One graph made ready to run: operations in order, weights in their layouts, and a work space that values share.
#pragma once

#include "builder.hpp"
#include "cache.hpp"
#include "profile.hpp"

#include <tokamak/plugin.h>

#include <memory>
#include <span>
#include <vector>

namespace tokamak::cpu {

class program {
public:
  /// Throws sdk::failure: an op that cannot run here, weights that are missing or short, no memory.
  program(sdk::host host, kernels::cpu_level level, kernels::thread_team& team, memory_account& account, const tk_graph_view& graph,
          std::span<const tk_weight> given, std::span<const tk_kernel> kernels);

  /// Makes the work space large enough for such a step.
  void reserve(std::size_t rows, std::size_t outputs);

  /// Throws sdk::failure if the step does not fit this program and cache (step_check.cpp says how); nothing is done
  /// then.
  void check(const tk_step& step, const cache* state) const;
  /// Runs a step that check() accepted. Throws only for lack of memory, before anything is changed. `times`: or null.
  void run(const tk_step& step, const cache* state, profile* times);

private:
  /// A piece of the work space that values with disjoint lives share.
  struct slot {
    tk_value_kind kind;
    std::size_t width;
  };

  void assign_slots();
  void place_values(const tk_step& step);
  void prepare_step(const tk_step& step);
  std::size_t value_bytes(std::size_t rows, std::size_t outputs) const;
  std::size_t scratch_bytes(std::size_t rows, std::size_t outputs) const;

  void check_rows(const tk_step& step) const;
  void check_tokens(const tk_step& step) const;
  void check_parents(const tk_step& step) const;
  void check_group(const tk_step& step, const cache& state, std::size_t g) const;
  void check_table(const tk_step& step, const cache& state, std::size_t g, std::uint32_t sequence) const;
  void check_bindings(const tk_step& step) const;

  kernels::cpu_level level_;
  kernels::thread_team& team_;
  memory_account& account_;
  weights weights_;
  std::vector<value_info> values_;
  std::vector<std::string> names_;     ///< of values
  std::vector<tk_cache_group> groups_; ///< without names
  std::vector<std::unique_ptr<operation>> operations_;
  std::vector<rope_table> ropes_;
  std::vector<attention_plan> plans_;
  std::vector<std::uint8_t> used_groups_, attended_groups_;
  bool embeds_ = false;
  std::uint64_t vocabulary_ = 0;
  std::size_t embedding_width_ = 0;

  std::vector<slot> slots_;
  std::vector<std::uint32_t> slot_of_; ///< by value; TK_NO_VALUE for weights and inputs
  charge held_;
  kernels::aligned_buffer work_; ///< slots, then scratch, then partial results of attention
  std::vector<float*> data_;     ///< by value, of the running step
  step_trees trees_;
};

} // namespace tokamak::cpu
