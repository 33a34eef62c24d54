// matmul of plain weights with AVX2: 8 output rows a register.
#include <immintrin.h>

#include "avx2/vector_math.hpp"
#include "matmul/vector_floats.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

struct avx2 {
  using floats = __m256;
  static constexpr std::size_t tile_rows = rows_avx2;

  static floats all(float x) { return _mm256_set1_ps(x); }
  static floats fma(floats a, floats b, floats c) { return _mm256_fmadd_ps(a, b, c); }
  static __m256i lanes_between(std::size_t begin, std::size_t end) { return _mm256_andnot_si256(lanes(begin), lanes(end)); }
  static void store(float* to, __m256i stored, floats x) { _mm256_maskstore_ps(to, stored, x); }

  struct f32 {
    static constexpr std::size_t bytes = 32;
    static __m256 load(const std::byte* from) { return _mm256_loadu_ps(reinterpret_cast<const float*>(from)); }
  };

  struct f16 {
    static constexpr std::size_t bytes = 16;
    static __m256 load(const std::byte* from) {
      return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    }
  };

  struct bf16 {
    static constexpr std::size_t bytes = 16;
    static __m256 load(const std::byte* from) {
      const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
      return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
    }
  };
};

} // namespace

void matmul_floats_avx2(const packed_view& w, const float* x, std::size_t ldx, const output_range& range) {
  matmul_floats<avx2>(w, x, ldx, range);
}

} // namespace tokamak::kernels::matmul_detail
