// Bandwidth, delay, jitter, outages: in this order.
#include "network/emulated_line.hpp"

#include <algorithm>

namespace tokamak::network {

std::uint64_t emulated_line::arrival_us(std::size_t bytes, std::uint64_t now_us) {
  free_us_ = std::max(free_us_, now_us);
  if (properties_.bytes_per_s > 0) free_us_ += (bytes * 1'000'000 + properties_.bytes_per_s - 1) / properties_.bytes_per_s;
  auto at = free_us_ + properties_.delay_us;
  if (properties_.jitter_us > 0) at += random_() % (properties_.jitter_us + 1);
  last_us_ = std::max(last_us_, behind_outage(at));
  return last_us_;
}

// Like a connection that sends again what got lost: late, but whole.
std::uint64_t emulated_line::behind_outage(std::uint64_t at_us) const {
  if (properties_.outage_us == 0 || properties_.outage_every_us == 0 || at_us < start_us_) return at_us;
  const auto into = (at_us - start_us_) % properties_.outage_every_us;
  return into < properties_.outage_us ? at_us + properties_.outage_us - into : at_us;
}

} // namespace tokamak::network
