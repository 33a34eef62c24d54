// How often values fell between fixed bounds: what latencies and lengths are reported as.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tokamak {

/// counts()[i] is how many values were at most bounds()[i] and above bounds()[i - 1]; the last one is of those above all bounds.
/// add() allocates nothing and takes a few nanoseconds. One thread at a time: that of the actor that measures.
class histogram {
public:
  /// REQUIRES: `bounds` ascend, and outlive it and its copies.
  explicit histogram(std::span<const double> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}

  /// REQUIRES: a number.
  void add(double value) {
    ++counts_[static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin())];
    sum_ += value;
  }

  std::span<const double> bounds() const { return bounds_; }
  std::span<const std::uint64_t> counts() const { return counts_; }
  double sum() const { return sum_; } ///< of all values

private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
};

/// The value that the part `q` of all is at most, as if values were spread evenly between bounds, of which the lowest begins at 0; the highest
/// bound for what is above it, 0 without values. REQUIRES: 0 <= q <= 1; one more count than bounds.
inline double quantile(std::span<const double> bounds, std::span<const std::uint64_t> counts, double q) {
  std::uint64_t total = 0;
  for (const auto n : counts) total += n;
  const auto rank = q * static_cast<double>(total);
  double below = 0;
  for (std::size_t i = 0; i < bounds.size() && total > 0; ++i) {
    const auto n = static_cast<double>(counts[i]);
    const auto lower = i > 0 ? bounds[i - 1] : 0;
    if (n > 0 && below + n >= rank) return lower + (bounds[i] - lower) * (rank - below) / n;
    below += n;
  }
  return total > 0 && !bounds.empty() ? bounds.back() : 0;
}

} // namespace tokamak
