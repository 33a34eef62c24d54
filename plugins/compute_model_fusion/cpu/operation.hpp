// An executable piece of a program and what it sees of the running step.
#pragma once

#include "cache.hpp"
#include "tokamak/kernels/cpu_level.hpp"
#include "tokamak/kernels/thread_team.hpp"

#include <tokamak/plugin.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tokamak::cpu {

struct rope_table;
struct attention_plan;

/// A value of the graph as the program keeps it.
struct value_info {
  tk_value_kind kind = TK_ROWS;
  std::uint32_t flags = 0;
  std::size_t width = 0;
};

/// Draft trees of a step. Empty when every row continues the one before.
struct step_trees {
  std::vector<std::uint32_t> ancestors;      ///< rows counted from their sequence's first, root first
  std::vector<std::uint32_t> ancestor_begin; ///< [T + 1]
};

/// The running step. Operations run one after the other on the caller's thread and share out their items over `team`.
struct step_run {
  kernels::cpu_level level;
  kernels::thread_team& team;
  const tk_step& step;
  const cache* state;          ///< nullptr if the program has no groups
  const value_info* values;
  float* const* data;          ///< of each value that is rows or output rows: [rows(value)][width]
  std::byte* scratch;          ///< 64-byte aligned; as large as operations asked for (operation::scratch_bytes)
  float* partials;             ///< of attention, as large as the plans ask for
  const step_trees& trees;
  const std::vector<rope_table>& ropes;
  const std::vector<attention_plan>& plans;

  std::size_t rows(std::uint32_t value) const {
    return values[value].kind == TK_OUTPUT_ROWS ? step.n_outputs : step.n_rows;
  }
  std::size_t width(std::uint32_t value) const { return values[value].width; }
};

/// Rows (or other items) a thread should take at a time when each costs about `work` floats, so that an op smaller than
/// a wake-up stays on the caller.
inline std::size_t grain_of(std::size_t work) { return 1 + 16384 / (work + 1); }

/// What an operation cannot do without: bytes that no cache holds from one step to the next (weights, K and V), and multiply-adds. 0: not
/// counted.
struct work {
  std::uint64_t bytes = 0, multiply_adds = 0;
};

class operation {
public:
  virtual ~operation() = default;
  /// Must not throw.
  virtual void run(const step_run& run) = 0;
  /// Scratch memory it uses in a step of so many rows and output rows.
  virtual std::size_t scratch_bytes(std::size_t rows, std::size_t outputs) const {
    (void)rows, (void)outputs;
    return 0;
  }

  /// What the running step asks of it.
  virtual work work_of(const step_run& run) const {
    (void)run;
    return {};
  }

  std::string kind;                  ///< the op's name without "tokamak."
  std::vector<std::uint32_t> reads;  ///< values, weights excluded
  std::vector<std::uint32_t> writes;
};

} // namespace tokamak::cpu
