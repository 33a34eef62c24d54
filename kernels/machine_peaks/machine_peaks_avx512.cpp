// One instruction for 64 multiply-adds; 16 sums, so that none waits for itself.
#include <immintrin.h>

#include "machine_peaks/levels.hpp"

namespace tokamak::kernels::peaks_detail {

std::uint64_t multiply_avx512(std::uint64_t rounds, std::int32_t* out) {
  constexpr int n = 16;
  __m512i w = _mm512_set1_epi8(3), x = _mm512_set1_epi8(2), sums[n];
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) sums[i] = _mm512_setzero_si512();
  for (std::uint64_t round = 0; round < rounds; ++round) {
    __asm__ volatile("" : "+v"(w), "+v"(x));
#pragma GCC unroll 16 // else the sums would lie in memory
    for (int i = 0; i < n; ++i) {
      sums[i] = _mm512_dpbusd_epi32(sums[i], w, x);
      __asm__ volatile("" : "+v"(sums[i]));
    }
  }
#pragma GCC unroll 16
  for (int i = 1; i < n; ++i) sums[0] = _mm512_add_epi32(sums[0], sums[i]);
  _mm512_storeu_si512(out, sums[0]);
  return n * 64;
}

} // namespace tokamak::kernels::peaks_detail
