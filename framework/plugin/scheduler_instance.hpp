// A scheduler plugin in use: forms the steps of one engine.
#pragma once

#include <cstdint>
#include <span>

#include "plugin/instance.hpp"

namespace tokamak::plugin {

class scheduler_instance : public instance<tk_scheduler> {
 public:
  static expected<scheduler_instance> create(const registry& from, const plugin_use& use, host_settings settings);

  /// Asks for the next step. `rows` and `preempt` have one element per sequence of `input` and are zeroed first. What
  /// the plugin plans over a limit is clipped: rows over pending_rows, max_rows or max_sequences, rows of a preempted
  /// sequence, preemption of one that waits. Returns how many sequences had to be clipped (0 from a correct
  /// plugin). Blocks are not checked here: the caller knows them. Allocates nothing.
  std::size_t plan(const tk_schedule_input& input, std::span<std::uint32_t> rows, std::span<std::uint8_t> preempt);

 private:
  using instance::instance;
};

/// The clipping alone, in the order of the input; used by plan().
std::size_t clip_plan(const tk_schedule_input& input, std::span<std::uint32_t> rows, std::span<std::uint8_t> preempt);

} // namespace tokamak::plugin
