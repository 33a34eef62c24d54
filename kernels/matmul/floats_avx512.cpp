// matmul of plain weights with AVX-512: 16 output rows a register.
#include <immintrin.h>

#include "matmul/vector_floats.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

struct avx512 {
  using floats = __m512;
  static constexpr std::size_t tile_rows = rows_avx512;

  static floats all(float x) { return _mm512_set1_ps(x); }
  static floats fma(floats a, floats b, floats c) { return _mm512_fmadd_ps(a, b, c); }
  static __mmask16 lanes_between(std::size_t begin, std::size_t end) { return static_cast<__mmask16>((1u << end) - (1u << begin)); }
  static void store(float* to, __mmask16 stored, floats x) { _mm512_mask_storeu_ps(to, stored, x); }

  struct f32 {
    static constexpr std::size_t bytes = 64;
    static __m512 load(const std::byte* from) { return _mm512_loadu_ps(reinterpret_cast<const float*>(from)); }
  };

  struct f16 {
    static constexpr std::size_t bytes = 32;
    static __m512 load(const std::byte* from) {
      return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
    }
  };

  struct bf16 {
    static constexpr std::size_t bytes = 32;
    static __m512 load(const std::byte* from) {
      const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
      return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
    }
  };
};

} // namespace

void matmul_floats_avx512(const packed_view& w, const float* x, std::size_t ldx, const output_range& range) {
  matmul_floats<avx512>(w, x, ldx, range);
}

} // namespace tokamak::kernels::matmul_detail
