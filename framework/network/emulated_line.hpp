// A slow, long or broken line between two nodes, for tests and studies: when what is sent now would arrive. Pure.
#pragma once

#include <cstdint>
#include <random>

namespace tokamak::network {

/// What a line is like, in one direction. All 0: nothing is emulated.
struct line_properties {
  std::uint64_t bytes_per_s = 0; ///< 0: unlimited
  std::uint64_t delay_us = 0;    ///< one way
  std::uint64_t jitter_us = 0;   ///< up to so much more, evenly; the order stays
  std::uint64_t outage_every_us = 0, outage_us = 0; ///< in every period the first outage_us nothing arrives, which counts from the line's start

  bool emulated() const { return bytes_per_s > 0 || delay_us > 0 || jitter_us > 0 || outage_us > 0; }
};

class emulated_line {
public:
  /// `start_us`: where periods of outages are counted from.
  emulated_line(const line_properties& properties, std::uint64_t start_us, std::uint64_t seed)
      : properties_(properties), start_us_(start_us), random_(seed) {}

  /// When the last of `bytes` that are sent now arrives; never before what was sent before.
  std::uint64_t arrival_us(std::size_t bytes, std::uint64_t now_us);

private:
  std::uint64_t behind_outage(std::uint64_t at_us) const;

  line_properties properties_;
  std::uint64_t start_us_;
  std::mt19937_64 random_;
  std::uint64_t free_us_ = 0; ///< when the sender is done with what it has
  std::uint64_t last_us_ = 0; ///< arrival
};

} // namespace tokamak::network
