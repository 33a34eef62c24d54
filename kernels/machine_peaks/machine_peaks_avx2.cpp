// Three instructions for 32 multiply-adds, as matmul of 8-bit codes has them.
#include <immintrin.h>

#include "machine_peaks/levels.hpp"

namespace tokamak::kernels::peaks_detail {

std::uint64_t multiply_avx2(std::uint64_t rounds, std::int32_t* out) {
  constexpr int n = 8;
  __m256i w = _mm256_set1_epi8(3), x = _mm256_set1_epi8(2), sums[n];
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 8
  for (int i = 0; i < n; ++i) sums[i] = _mm256_setzero_si256();
  for (std::uint64_t round = 0; round < rounds; ++round) {
    __asm__ volatile("" : "+x"(w), "+x"(x)); // else the products would be found to be the same each round
#pragma GCC unroll 8 // else the sums would lie in memory
    for (int i = 0; i < n; ++i) {
      __m256i each = x;
      __asm__ volatile("" : "+x"(each));
      sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(_mm256_maddubs_epi16(w, each), ones));
    }
  }
#pragma GCC unroll 8
  for (int i = 1; i < n; ++i) sums[0] = _mm256_add_epi32(sums[0], sums[i]);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), sums[0]);
  return n * 32;
}

} // namespace tokamak::kernels::peaks_detail
