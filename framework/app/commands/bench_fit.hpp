// `tokamak bench --fit`: steps of many shapes, timed through the actors of `serve`, as the cost model of the backend `simulated`.
#pragma once

#include "app/service.hpp"

#include <string>

namespace tokamak::app {

struct fit_options {
  std::string endpoint;             ///< also the engine's name
  std::uint32_t step_rows = 512;    ///< most rows of a step, and most of one prompt in it
  std::uint32_t max_sequences = 64;
  std::uint32_t repetitions = 5;    ///< after one warm-up; medians count
};

/// Measures and fits. Returns a TOML table of options, with the residual errors as comments. On the caller's thread, for a
/// minute or so. Errors: a request failed.
expected<std::string> measure_costs(caf::actor_system& system, service& running, const fit_options& options);

} // namespace tokamak::app
