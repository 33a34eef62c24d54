// measure_peaks: rates that a machine can have, at every level.
#include "tokamak/kernels/machine_peaks.hpp"
#include "machine_peaks/levels.hpp"
#include "test_data.hpp"

using namespace kernel_test;

TEST_CASE("peaks are rates that a machine can have, and higher at higher levels") {
  thread_team team(1);
  double before = 0;
  for (const cpu_level level : levels_here()) {
    CAPTURE(level_name(level));
    const machine_peaks peaks = measure_peaks(level, team);
    CHECK(peaks.read_bytes_per_s > 1e8);
    CHECK(peaks.read_bytes_per_s < 1e12);
    CHECK(peaks.int8_multiply_adds_per_s > before);
    CHECK(peaks.int8_multiply_adds_per_s < 1e13);
    before = peaks.int8_multiply_adds_per_s;
  }
}

#if defined(__x86_64__)
TEST_CASE("multiply-adds that are counted are done") {
  if (detect() < cpu_level::avx2) return;
  constexpr std::uint64_t rounds = 7;
  const auto total = [](auto multiply, std::size_t lanes) {
    std::int32_t sums[16] = {};
    const std::uint64_t each = multiply(rounds, sums);
    std::int64_t all = 0;
    for (std::size_t i = 0; i < lanes; ++i) all += sums[i];
    CHECK(all == static_cast<std::int64_t>(each * rounds * 6)); // 3 * 2 each
  };
  total(peaks_detail::multiply_avx2, 8);
  if (detect() >= cpu_level::avx512) total(peaks_detail::multiply_avx512, 16);
}
#endif
