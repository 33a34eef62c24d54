// Codes of 16 rows x 4 values of k from the planes of a packed tile (layout.hpp), and their products with int8 rows.
// Only for files built with AVX-512 and VNNI; everything is local to the including file.
#pragma once

#include <immintrin.h>

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {
namespace {

constexpr std::size_t vector_width = vector_bytes(rows_avx512);

inline __m512i load512(const std::byte* from) { return _mm512_loadu_si512(from); }

// Keeps a vector in a register: compilers would load it again where they find one busy.
inline __m512i pinned(__m512i vector) {
  __asm__("" : "+v"(vector));
  return vector;
}

// 4 values of k of one row of x, for each of the 16 output rows.
inline __m512i four_of(const std::int8_t* q) {
  int four;
  __builtin_memcpy(&four, q, sizeof(four));
  return _mm512_set1_epi32(four);
}

// Moves bit `from` of each byte to bit `to`; bits beside the wanted ones are for the caller to mask.
inline __m512i moved(__m512i bytes, int from, int to) {
  if (from > to) return _mm512_srli_epi16(bytes, from - to);
  if (from < to) return _mm512_slli_epi16(bytes, to - from);
  return bytes;
}

inline __m512i bytes_of(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }

/// The codes of groups 0..7 in order out of `Bits` vectors, each 0 .. 2^Bits - 1.
template <int Bits>
class code_reader {
public:
  explicit code_reader(const std::byte* weights) : weights_(weights) {}

  __m512i take(int g) {
    constexpr planes plane = planes_of(Bits);
    constexpr int low = plane.low, high = plane.high, shared = 8 / low;
    if (g % shared == 0) low_ = pinned(load512(weights_ + vector_width * (g / shared)));
    const __m512i codes = _mm512_and_si512(moved(low_, low * (g % shared), 0), bytes_of((1 << low) - 1));
    if constexpr (high == 0) {
      return codes;
    } else {
      constexpr int shared_high = 8 / high;
      if (g % shared_high == 0) high_ = pinned(load512(weights_ + vector_width * (low + g / shared_high)));
      constexpr int mask_or = 0xea; // (a & b) | c
      return _mm512_ternarylogic_epi32(moved(high_, high * (g % shared_high), low), bytes_of(((1 << high) - 1) << low), codes, mask_or);
    }
  }

private:
  const std::byte* weights_;
  __m512i low_ = {}, high_ = {};
};

/// Codes of fewer than 8 bits, as they are.
template <int Bits>
struct unsigned_codes {
  static constexpr std::size_t bytes = Bits * vector_width;
  static constexpr int offset = 0; ///< of what take() gives over what the weights mean
  code_reader<Bits> reader;
  explicit unsigned_codes(const std::byte* weights) : reader(weights) {}
  __m512i take(int g) { return reader.take(g); }
};

/// Int8 weights, made unsigned by adding 128.
struct int8_codes {
  static constexpr std::size_t bytes = 8 * vector_width;
  static constexpr int offset = 128;
  const std::byte* weights;
  explicit int8_codes(const std::byte* from) : weights(from) {}
  __m512i take(int g) { return _mm512_xor_si512(load512(weights + vector_width * g), bytes_of(0x80)); }
};

/// Nibbles that name int8 values, made unsigned likewise.
struct table_codes {
  static constexpr std::size_t bytes = 4 * vector_width;
  static constexpr int offset = 128;
  code_reader<4> reader;
  explicit table_codes(const std::byte* weights) : reader(weights) {}
  __m512i take(int g) {
    const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(iq4_nl_values));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_xor_si128(table, _mm_set1_epi8(static_cast<char>(0x80)))), reader.take(g));
  }
};

/// Adds the products of the groups [First, Last) of a block with M rows of x, a block (32 bytes) apart, to `sums`.
template <int First, int Last, int M, class Codes>
inline void add_products(Codes& codes, const std::int8_t* q, __m512i* sums) {
#pragma GCC unroll 8
  for (int g = First; g < Last; ++g) {
    const __m512i w = codes.take(g);
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m)
      sums[m] = _mm512_dpbusd_epi32(sums[m], w, four_of(q + 32 * m + 4 * g));
  }
}

} // namespace
} // namespace tokamak::kernels::matmul_detail
