// Traces: requests that were, or could have been, one JSON object a line.
//   {"arrival": 0.25, "prompt_tokens": 300, "max_tokens": 64, "endpoint": "chat", "prefix": "system-a", "prefix_tokens": 200}
// arrival: seconds after the beginning, never less than in the line before. endpoint: left out, the first. prefix: requests
// of one prefix begin with the same prefix_tokens tokens (left out: with all they have). Empty lines are skipped.
#pragma once

#include "app/simulation/load.hpp"

namespace tokamak::app {

/// Errors: io, not_found; invalid_argument with "FILE:LINE" for a line that is no such object, names an unknown key or
/// an endpoint that is not in `endpoints`.
expected<load> read_trace(const std::string& path, std::vector<std::string> endpoints, std::uint64_t seed);

} // namespace tokamak::app
