// What a simulation prints: rates, times, goodput, tokens by kind and cost, from what clients and actors wrote down.
#pragma once

#include "app/simulation/clients.hpp"

#include <array>
#include <optional>
#include <string>

namespace tokamak::app {

/// What a request must keep to count as goodput; 0: no limit.
struct goodput_limits {
  double ttft_ms = 0; ///< time to first token
  double tpot_ms = 0; ///< time per output token after the first
};

struct quantiles {
  std::array<double, 3> p50_p90_p99{};
  double mean = 0;
  std::size_t count = 0;
};

/// The nearest-rank 50th, 90th and 99th percentile and the mean; zeros of nothing.
quantiles quantiles_of(std::vector<double> values);

struct simulation_summary {
  std::uint64_t seed = 0;
  std::size_t requests = 0, finished = 0, failed = 0, refused = 0; ///< refused: overloaded
  std::string first_failure;
  double seconds = 0; ///< from the beginning to the last end
  std::uint64_t output_tokens = 0; ///< that clients got
  quantiles ttft_ms, tpot_ms;      ///< of finished requests; time per token only of those with several
  goodput_limits limits;
  std::size_t good = 0;            ///< finished within the limits
  std::array<std::uint64_t, 5> tokens{}; ///< the ledger's: computed, cached, recomputed, delivered, discarded
  std::uint64_t preempted = 0;
  std::size_t engines = 0;
  double busy_seconds = 0;         ///< summed over the engines
  std::optional<double> price;     ///< of an engine and hour

  /// Several lines, each ended by a newline.
  std::string text() const;
  /// One JSON object, no newline.
  std::string json() const;
};

/// `begin_us`: the clock when the clients began. The record has a status report.
simulation_summary summarize(const load& planned, const client_record& record, std::uint64_t begin_us, std::size_t engines,
                             const goodput_limits& limits, std::optional<double> price);

} // namespace tokamak::app
