// Kind scheduler in C++. Derive from `scheduler` and define
//   static constexpr const char *name, *summary;  [static constexpr tk_option_spec options[];]
//   MyClass(host, const option_table&);           [static void validate(const option_table&);]
//   void plan(const tk_schedule_input&, std::span<std::uint32_t> rows, std::span<std::uint8_t> preempt);  // both
//   zeroed
#pragma once

#include <tokamak/sdk/extension.hpp>

#include <algorithm>

namespace tokamak::sdk {

struct scheduler {
  static constexpr tk_kind kind = TK_KIND_SCHEDULER;

  template <class Plugin>
  static constexpr tk_scheduler table{
      sizeof(tk_scheduler),
      [](const tk_host* h, const tk_options* o, void** self, tk_error* e) { return create<Plugin>(h, o, self, e); },
      &destroy<Plugin>,
      [](void* self, const tk_schedule_input* input, const tk_schedule_plan* out) {
        const std::span rows(out->rows, input->n_sequences);
        const std::span preempt(out->preempt, input->n_sequences);
        std::fill(rows.begin(), rows.end(), 0);
        std::fill(preempt.begin(), preempt.end(), 0);
        held<Plugin>(self).run("scheduler.failed", [&](Plugin& p) { p.plan(*input, rows, preempt); });
      }};
};

} // namespace tokamak::sdk
