// scheduler "continuous": the plugin around step_planner, with its options.
#include <tokamak/plugin.hpp>

#include "step_planner.hpp"

namespace {

namespace sdk = tokamak::sdk;
using tokamak::continuous::ordering;
using tokamak::continuous::settings;

class continuous : public sdk::scheduler {
 public:
  static constexpr const char* name = "continuous";
  static constexpr const char* summary =
      "Sequences join and leave at every step; prompts are computed in chunks beside the decodes.";
  static constexpr tk_option_spec options[] = {
      sdk::optional("prefill_chunk", TK_INTEGER, "256", "prompt rows per sequence and step (1 to 65536)"),
      sdk::optional("prefill_rows", TK_INTEGER, "0",
                    "prompt rows per step over all sequences; 0: what decoding leaves"),
      sdk::optional("order", TK_STRING, "\"priority\"", "who goes first: arrival, priority or deadline"),
      sdk::optional("starve_after_ms", TK_INTEGER, "10000", "age at which a sequence goes before all younger ones"),
      sdk::optional("headroom_blocks", TK_INTEGER, "1", "free blocks per running sequence left when one is admitted")};

  continuous(sdk::host, const sdk::option_table& o) : planner_(read(o)) {}
  static void validate(const sdk::option_table& o) { read(o); }

  void plan(const tk_schedule_input& input, std::span<std::uint32_t> rows, std::span<std::uint8_t> preempt) {
    planner_.plan(input, rows, preempt);
  }

 private:
  static settings read(const sdk::option_table& o) {
    settings s;
    s.prefill_chunk = static_cast<std::uint32_t>(o.integer("prefill_chunk", 1, 65536));
    s.prefill_rows = static_cast<std::uint32_t>(o.integer("prefill_rows", 0, 65536));
    constexpr ordering orders[] = {ordering::arrival, ordering::priority, ordering::deadline};
    s.order = orders[o.get("order").one_of({"arrival", "priority", "deadline"})];
    s.starve_after_us = static_cast<std::uint64_t>(o.integer("starve_after_ms", 0, 86'400'000)) * 1000;
    s.headroom_blocks = static_cast<std::uint32_t>(o.integer("headroom_blocks", 0, 1024));
    return s;
  }

  tokamak::continuous::step_planner planner_;
};

} // namespace

TOKAMAK_PLUGIN("continuous", "0.1.0", "Apache-2.0", "Continuous batching with chunked prefill.", continuous)
