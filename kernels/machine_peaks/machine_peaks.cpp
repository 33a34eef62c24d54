// The best of several tries each, all threads at once.
#include "tokamak/kernels/machine_peaks.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "machine_peaks/levels.hpp"
#include "tokamak/kernels/aligned_buffer.hpp"

namespace tokamak::kernels {

namespace {

using namespace peaks_detail;
using clock = std::chrono::steady_clock;

template <class Run>
double best_seconds(int tries, Run run) {
  double best = 1e9;
  for (int i = 0; i < tries; ++i) {
    const auto began = clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(clock::now() - began).count());
  }
  return best;
}

std::uint64_t sum_of(const std::byte* from, std::size_t bytes) {
  constexpr std::size_t lanes = 16, line = 64, ahead = 4096; // ahead as in matmul: without it one stream waits for memory
  std::uint64_t sums[lanes] = {}, words[lanes];
  for (std::size_t at = 0; at + sizeof words <= bytes; at += sizeof words) {
    for (std::size_t i = 0; i < sizeof words; i += line) __builtin_prefetch(from + at + i + ahead);
    std::memcpy(words, from + at, sizeof words);
    for (std::size_t i = 0; i < lanes; ++i) sums[i] ^= words[i];
  }
  std::uint64_t all = 0;
  for (const std::uint64_t sum : sums) all ^= sum;
  return all;
}

std::uint64_t multiply(cpu_level level, std::uint64_t rounds, std::int32_t* out) {
#if defined(TOKAMAK_KERNELS_X86)
  if (level == cpu_level::avx512) return multiply_avx512(rounds, out);
  if (level == cpu_level::avx2) return multiply_avx2(rounds, out);
#endif
  (void)level;
  return multiply_reference(rounds, out);
}

double read_rate(thread_team& team) {
  constexpr std::size_t bytes = std::size_t{256} << 20, part = std::size_t{1} << 20;
  aligned_buffer memory(bytes);
  if (memory.data() == nullptr) return 0;
  std::memset(memory.data(), 1, bytes); // pages of its own
  std::atomic<std::uint64_t> keep{0};
  const double seconds = best_seconds(4, [&] {
    team.parallel_for(bytes / part, 1, [&](std::size_t begin, std::size_t end, unsigned) {
      keep.fetch_xor(sum_of(memory.data() + begin * part, (end - begin) * part), std::memory_order_relaxed);
    });
  });
  return static_cast<double>(bytes) / seconds;
}

double multiply_rate(cpu_level level, thread_team& team) {
  std::int32_t none[16];
  const std::uint64_t rounds = level == cpu_level::reference ? 2'000 : 1'500'000, each = multiply(level, 1, none);
  const double seconds = best_seconds(8, [&] {
    team.parallel_for(team.size(), 1, [&](std::size_t, std::size_t, unsigned) {
      std::int32_t sums[16];
      multiply(level, rounds, sums);
    });
  });
  return static_cast<double>(team.size() * rounds * each) / seconds;
}

} // namespace

std::uint64_t peaks_detail::multiply_reference(std::uint64_t rounds, std::int32_t* out) {
  constexpr int lanes = 16;
  std::int8_t a[lanes], b[lanes];
  std::int32_t sums[lanes] = {};
  for (int i = 0; i < lanes; ++i) a[i] = static_cast<std::int8_t>(i + 1), b[i] = static_cast<std::int8_t>(3 - i);
  for (std::uint64_t round = 0; round < rounds; ++round)
    for (int i = 0; i < lanes; ++i) {
      __asm__ volatile("" : "+r"(a[i])); // one after the other, as the reference kernels
      sums[i] += a[i] * b[i];
    }
  std::copy(sums, sums + lanes, out);
  return lanes;
}

machine_peaks measure_peaks(cpu_level level, thread_team& team) { return {read_rate(team), multiply_rate(level, team)}; }

} // namespace tokamak::kernels
