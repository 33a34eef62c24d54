// Time for actors: the (possibly virtual) clock of their system, in microseconds. The only place that reads a clock.
#pragma once

#include <caf/actor_clock.hpp>
#include <caf/actor_system.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <chrono>
#include <cstdint>
#include <functional>

namespace tokamak {

/// Microseconds of the system's actor clock: monotonic, virtual under a test coordinator. Any thread.
inline std::uint64_t now_us(caf::actor_system& system) {
  const auto since = system.clock().now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

/// The same for plugins' hosts. The system must outlive it.
inline std::function<std::uint64_t()> clock_of(caf::actor_system& system) {
  return [&system] { return now_us(system); };
}

/// Microseconds of the real monotonic clock however virtual the actors' is: for saying how long a simulation took.
inline std::uint64_t real_us() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

/// Wall-clock time, for what people read: dates in templates and logs. Never for measuring or waiting.
inline std::int64_t unix_time_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

} // namespace tokamak
