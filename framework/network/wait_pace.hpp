// To wake a sleeping thread takes about as long as a small message takes between two processes. A thread through which question and answer
// go in quick succession stays awake between them, as long as nobody else wants its core; one through which a stream goes does not.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

#include <sched.h>

namespace tokamak::network {

class wait_pace {
public:
  using clock = std::chrono::steady_clock;
  static constexpr auto limit = std::chrono::microseconds(500);     ///< succession is quick below, and nobody stays awake for longer
  static constexpr auto displaced = std::chrono::microseconds(200); ///< away for so long: another thread needs the core
  static constexpr int rest = 64;                                   ///< waits that are slept through after that

  static constexpr std::uint64_t much = 512 << 10;                  ///< bytes within a few waits: they take longer than any waking

  struct traffic {
    std::uint64_t sent = 0, received = 0; ///< frames, ever
    std::uint64_t bytes = 0;              ///< of both
  };

  void begin(traffic now) {
    began_ = now_ = clock::now();
    const auto before = std::exchange(history_[next_++ % history_.size()], now);
    both_ways_ = now.sent > before.sent && now.received > before.received && now.bytes - before.bytes < much;
  }
  /// Gives the core to who wants it. False: it is time to sleep.
  bool stay_awake() {
    if (!quick_ || !both_ways_ || resting_ > 0) return false;
    sched_yield();
    const auto before = std::exchange(now_, clock::now());
    if (now_ - before > displaced) resting_ = rest;
    return resting_ == 0 && now_ - began_ < limit;
  }
  void end() {
    quick_ = clock::now() - began_ < limit;
    if (resting_ > 0) --resting_;
  }

private:
  clock::time_point began_, now_;
  std::array<traffic, 3> history_{}; ///< at the last waits
  std::size_t next_ = 0;
  bool quick_ = false, both_ways_ = false; ///< the last wait; the last few
  int resting_ = 0;
};

} // namespace tokamak::network
