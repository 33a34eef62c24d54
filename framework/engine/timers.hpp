// Timers for plugins (tk_host.call_later): functions run later by the actor clock, real or virtual.
#pragma once

#include <caf/actor_system.hpp>

#include <cstdint>
#include <functional>

namespace tokamak::engine {

/// Runs a function once, so many microseconds from now, on the actor pool. May be called from any thread.
using call_later_function = std::function<void(std::uint64_t delay_us, std::function<void()> call)>;

/// Spawns the actor that runs them; it ends with the last copy of the function and the last call due. The system must
/// outlive both.
call_later_function timers_of(caf::actor_system& system);

} // namespace tokamak::engine
