// Plans one step: which sequences compute how many rows, and who gives blocks back. A pure function of the input.
#pragma once

#include <tokamak/plugin.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tokamak::continuous {

enum class ordering { arrival, priority, deadline };

struct settings {
  std::uint32_t prefill_chunk = 0;  ///< prompt rows per sequence and step
  std::uint32_t prefill_rows = 0;   ///< prompt rows per step over all sequences; 0: what decoding leaves
  ordering order = ordering::priority;
  std::uint64_t starve_after_us = 0; ///< since arrival; then a sequence goes before all younger ones
  std::uint32_t headroom_blocks = 0; ///< per running sequence, kept free when a new one is admitted
};

/// Order of service: starving sequences by arrival; then decodes; then prompts. Among equals `order` decides, then
/// arrival. What is kept in mind between calls is memory only.
class step_planner {
 public:
  explicit step_planner(settings s) : settings_(s) {}

  /// `rows` and `preempt` come zeroed, one element per sequence.
  void plan(const tk_schedule_input& input, std::span<std::uint32_t> rows, std::span<std::uint8_t> preempt);

 private:
  struct candidate {
    std::uint32_t index;
    bool starving;
    bool running;
    bool decode; ///< running and not in its prompt
    const tk_schedule_sequence* sequence;
  };

  bool better(const candidate& a, const candidate& b) const;
  void collect(const tk_schedule_input& input);
  void take_decode(const candidate& c);
  void take_prompt(const candidate& c);
  bool admit(const candidate& c);
  void force_progress();
  std::uint32_t make_room(const candidate& c, std::uint32_t wanted);
  candidate* worst_victim(const candidate& than);
  void give_back(const candidate& victim);
  void take(const candidate& c, std::uint32_t n);

  settings settings_;
  std::vector<candidate> order_; // kept between calls for its memory

  // The step being planned.
  std::span<std::uint32_t> rows_;
  std::span<std::uint8_t> preempt_;
  std::uint32_t rows_left_ = 0;
  std::uint32_t sequences_left_ = 0;
  std::uint32_t max_sequences_ = 0;
  std::uint32_t prefill_left_ = 0;
  std::uint32_t prefill_floor_ = 0;     ///< rows that a starving prompt gets even if decodes must wait
  std::uint64_t free_blocks_ = 0;
  std::uint64_t promised_blocks_ = 0;   ///< that started prompts will still need
  std::uint64_t decode_rows_ahead_ = 0; ///< of decodes that have not had their turn
  std::uint32_t running_ = 0;           ///< sequences that hold blocks
  bool closed_ = false;                 ///< a starving sequence waits for blocks: nobody overtakes it
};

} // namespace tokamak::continuous
