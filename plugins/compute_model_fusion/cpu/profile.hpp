// Where the time of steps goes, by kind of operation.
#pragma once

#include "operation.hpp"

#include "tokamak/kernels/machine_peaks.hpp"

#include <chrono>
#include <map>
#include <string>

namespace tokamak::cpu {

class profile {
public:
  using clock = std::chrono::steady_clock;

  explicit profile(const kernels::machine_peaks& peaks) : peaks_(peaks) {}

  void begin_step() { step_began_ = clock::now(); }
  void end_step() { step_time_ += clock::now() - step_began_; }
  void run(operation& op, const step_run& run) {
    const auto began = clock::now();
    op.run(run);
    auto& sum = by_kind_[op.kind];
    sum.time += clock::now() - began;
    const work done = op.work_of(run);
    sum.bytes += static_cast<double>(done.bytes);
    sum.multiply_adds += static_cast<double>(done.multiply_adds);
  }

  /// put(name, value): "step_us" and, by kind, "KIND_us", "KIND_bytes", "KIND_multiply_adds"; "peak_bytes_per_s" and
  /// "peak_int8_multiply_adds_per_s" of the machine.
  template <class Put>
  void counters(Put put) const {
    const auto us = [](clock::duration d) { return std::chrono::duration<double, std::micro>(d).count(); };
    put("step_us", us(step_time_));
    for (const auto& [kind, sum] : by_kind_) {
      put(kind + "_us", us(sum.time));
      if (sum.bytes > 0) put(kind + "_bytes", sum.bytes);
      if (sum.multiply_adds > 0) put(kind + "_multiply_adds", sum.multiply_adds);
    }
    put("peak_bytes_per_s", peaks_.read_bytes_per_s);
    put("peak_int8_multiply_adds_per_s", peaks_.int8_multiply_adds_per_s);
  }

private:
  struct sums {
    clock::duration time{};
    double bytes = 0, multiply_adds = 0;
  };

  kernels::machine_peaks peaks_;
  clock::time_point step_began_;
  clock::duration step_time_{};
  std::map<std::string, sums, std::less<>> by_kind_;
};

} // namespace tokamak::cpu
