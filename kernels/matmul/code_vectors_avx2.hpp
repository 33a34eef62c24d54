// Codes of 8 rows x 4 values of k from the planes of a packed tile (layout.hpp), and their products with int8 rows.
// Only for files built with AVX2; everything is local to the including file.
#pragma once

#include <immintrin.h>

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {
namespace {

constexpr std::size_t vector_width = vector_bytes(rows_avx2);

inline __m256i load256(const std::byte* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

// Keeps a sum in a register: compilers would delay the additions, until their operands no longer fit in registers.
inline __m256i pinned(__m256i sum) {
  __asm__("" : "+x"(sum));
  return sum;
}

// 4 values of k of one row of x, for each of the 8 output rows.
inline __m256i four_of(const std::int8_t* q) {
  int four;
  __builtin_memcpy(&four, q, sizeof(four));
  return _mm256_set1_epi32(four);
}

// Bits [from, from + width) of each byte, moved to bit `to`.
inline __m256i field(__m256i bytes, int from, int width, int to) {
  if (from > to) bytes = _mm256_srli_epi16(bytes, from - to);
  if (from < to) bytes = _mm256_slli_epi16(bytes, to - from);
  return _mm256_and_si256(bytes, _mm256_set1_epi8(static_cast<char>(((1 << width) - 1) << to)));
}

/// The codes of groups 0..7 in order out of `Bits` vectors, each 0 .. 2^Bits - 1. A vector stays in its register until
/// all its groups are taken: loads are what these kernels have most of.
template <int Bits>
class code_reader {
public:
  explicit code_reader(const std::byte* weights) : weights_(weights) {}

  __m256i take(int g) {
    constexpr planes plane = planes_of(Bits);
    constexpr int low = plane.low, high = plane.high, shared = 8 / low;
    if (g % shared == 0) low_ = pinned(load256(weights_ + vector_width * (g / shared)));
    const __m256i codes = field(low_, low * (g % shared), low, 0);
    if constexpr (high == 0) {
      return codes;
    } else {
      constexpr int shared_high = 8 / high;
      if (g % shared_high == 0) high_ = pinned(load256(weights_ + vector_width * (low + g / shared_high)));
      return _mm256_or_si256(codes, field(high_, high * (g % shared_high), high, low));
    }
  }

private:
  const std::byte* weights_;
  __m256i low_ = {}, high_ = {};
};

/// Unsigned codes of fewer than 8 bits: byte products go in pairs to 16 bits, which hold several before they overflow.
/// `Halves`: products of 16 values of k are multiplied by factor[0] or factor[1], for free, since pairs must be summed.
template <int Bits>
struct unsigned_codes {
  static constexpr std::size_t bytes = Bits * vector_width;
  /// Groups whose pairs fit in 16 bits: 2 * (2^Bits - 1) * 127 * run <= 32767.
  static constexpr int run = Bits <= 4 ? 8 : Bits == 5 ? 4 : 2;

  template <bool Halves, int M>
  static void dot(const std::byte* weights, const std::int8_t* q, const __m256i* factor,
                  __m256i* sums) {
    constexpr int step = Halves && run > 4 ? 4 : run;
    code_reader<Bits> codes(weights);
    for (int first = 0; first < 8; first += step) {
      __m256i pairs[M];
      for (int m = 0; m < M; ++m) pairs[m] = _mm256_setzero_si256();
      for (int g = first; g < first + step; g += 2) {
        const __m256i w0 = codes.take(g), w1 = codes.take(g + 1);
        for (int m = 0; m < M; ++m) {
          const std::int8_t* const x = q + 32 * m + 4 * g;
          pairs[m] = pinned(_mm256_add_epi16(pairs[m], _mm256_maddubs_epi16(w0, four_of(x))));
          pairs[m] = pinned(_mm256_add_epi16(pairs[m], _mm256_maddubs_epi16(w1, four_of(x + 4))));
        }
      }
      const __m256i by = Halves ? factor[first / 4] : _mm256_set1_epi16(1);
      for (int m = 0; m < M; ++m) {
        const __m256i sum = _mm256_madd_epi16(pairs[m], by);
        sums[m] = first == 0 ? sum : pinned(_mm256_add_epi32(sums[m], sum));
      }
    }
  }
};

/// Int8 weights: |w| as unsigned, the sign moved to x. A pair sums up to 2*128*127 = 32512, which fits 16 bits once.
struct int8_weights {
  template <int M, class Weights>
  static void dot(Weights&& weights, const std::int8_t* q, __m256i* sums) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (int m = 0; m < M; ++m) sums[m] = _mm256_setzero_si256();
    for (int g = 0; g < 8; ++g) {
      const __m256i w = weights(g), magnitude = _mm256_abs_epi8(w);
      for (int m = 0; m < M; ++m) {
        const __m256i x = _mm256_sign_epi8(four_of(q + 32 * m + 4 * g), w);
        sums[m] = pinned(_mm256_add_epi32(sums[m], _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude, x), ones)));
      }
    }
  }
};

struct int8_codes {
  static constexpr std::size_t bytes = 8 * vector_width;
  template <bool, int M>
  static void dot(const std::byte* weights, const std::int8_t* q, const __m256i*, __m256i* sums) {
    int8_weights::dot<M>([=](int g) { return load256(weights + vector_width * g); }, q, sums);
  }
};

/// Nibbles that name int8 values.
struct table_codes {
  static constexpr std::size_t bytes = 4 * vector_width;
  template <bool, int M>
  static void dot(const std::byte* weights, const std::int8_t* q, const __m256i*, __m256i* sums) {
    const __m256i table =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(iq4_nl_values)));
    code_reader<4> codes(weights);
    int8_weights::dot<M>([&](int g) { return _mm256_shuffle_epi8(table, codes.take(g)); }, q, sums);
  }
};

} // namespace
} // namespace tokamak::kernels::matmul_detail
