// `tokamak bench --profile`: where the time of steps went, from the counters of an engine's shards (backends with the option `profile`).
#pragma once

#include "app/service.hpp"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>
#include <vector>

namespace tokamak::app {

/// Counters of all shards of an engine, added up; those that begin with "peak_" as they are.
using shard_counters = std::map<std::string, double>;
shard_counters counters_of(caf::actor_system& system, const engine::running_engine& engine);

/// What one kind of work has cost in the shards, and how long it took by the clock.
class phase_profile {
public:
  void add(const shard_counters& before, const shard_counters& after, double wall_us);
  /// A line for each kind of op: its time, share, and what it read and multiplied beside this machine's peaks; and the time beside all
  /// ops. "" when the backend counts nothing.
  std::string table(const std::string& title) const;
  /// The same as data: {"steps", "wall_us", "ops": {kind: {"us", "bytes", "multiply_adds"}}}, sums of all steps. Null when the backend
  /// counts nothing.
  nlohmann::ordered_json data() const;
  double peak_bytes_per_s() const { return peak_bytes_per_s_; }
  double peak_multiply_adds_per_s() const { return peak_multiply_adds_per_s_; }

private:
  struct op {
    std::string kind;
    double us;
  };
  std::vector<op> ops() const; ///< the slowest first

  std::map<std::string, double> sums_;
  double peak_bytes_per_s_ = 0, peak_multiply_adds_per_s_ = 0, wall_us_ = 0;
};

} // namespace tokamak::app
