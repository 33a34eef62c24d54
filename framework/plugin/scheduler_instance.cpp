// Scheduler plugins: creation, and holding their plans to the limits of a step.
#include "plugin/scheduler_instance.hpp"

#include <algorithm>

namespace tokamak::plugin {

expected<scheduler_instance> scheduler_instance::create(const registry& from, const plugin_use& use,
                                                        host_settings settings) {
  auto made = make(from, use, std::move(settings));
  if (!made) return fail(std::move(made.error()));
  return scheduler_instance(std::move(*made));
}

std::size_t scheduler_instance::plan(const tk_schedule_input& input, std::span<std::uint32_t> rows,
                                     std::span<std::uint8_t> preempt) {
  std::fill(rows.begin(), rows.end(), 0);
  std::fill(preempt.begin(), preempt.end(), 0);
  const tk_schedule_plan out{rows.data(), preempt.data()};
  table().plan(self(), &input, &out);
  return clip_plan(input, rows, preempt);
}

std::size_t clip_plan(const tk_schedule_input& input, std::span<std::uint32_t> rows, std::span<std::uint8_t> preempt) {
  std::size_t clipped = 0;
  std::uint32_t rows_left = input.max_rows;
  std::uint32_t sequences_left = input.max_sequences;
  for (std::size_t i = 0; i < input.n_sequences; ++i) {
    const auto& s = input.sequences[i];
    const std::uint32_t wanted = rows[i];
    const std::uint8_t given_back = preempt[i];
    preempt[i] = given_back && s.state == TK_SEQUENCE_RUNNING ? 1 : 0;
    std::uint32_t allowed = std::min({wanted, s.pending_rows, rows_left});
    if (preempt[i] || sequences_left == 0) allowed = 0;
    rows[i] = allowed;
    rows_left -= allowed;
    if (allowed) --sequences_left;
    if (allowed != wanted || (given_back != 0) != (preempt[i] != 0)) ++clipped;
  }
  return clipped;
}

} // namespace tokamak::plugin
