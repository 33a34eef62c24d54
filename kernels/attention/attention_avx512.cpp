// Attention with AVX-512: 16 lanes, and registers for up to 12 queries at once, so that each key and value loaded and widened
// serves twice as many as with AVX2.
#include "attention/vector_split.hpp"
#include "avx512/vector_math.hpp"

namespace tokamak::kernels::attention_detail {

namespace {

struct avx512 {
  using floats = __m512;
  static constexpr std::uint32_t lane_count = 16;
  static constexpr int queries = queries_avx512;
  static constexpr int vectors_of_keys(int) { return 2; } // all of a block of 32
  static constexpr int vectors_of_values(int m) { return m <= 6 ? 4 : 2; }

  static floats all(float x) { return _mm512_set1_ps(x); }
  static floats load(const float* from) { return _mm512_loadu_ps(from); }
  static floats load(const std::uint16_t* from) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))); }
  static floats load_eight(const float* from) { return _mm512_zextps256_ps512(_mm256_loadu_ps(from)); }
  static floats load_eight(const std::uint16_t* from) { return _mm512_cvtph_ps(_mm256_zextsi128_si256(eight(from))); }
  static floats load_pair(const float* first, const float* second) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(first)), _mm256_loadu_ps(second), 1);
  }
  static floats load_pair(const std::uint16_t* first, const std::uint16_t* second) {
    return _mm512_cvtph_ps(_mm256_inserti128_si256(_mm256_castsi128_si256(eight(first)), eight(second), 1));
  }
  static void store(float* to, floats x) { _mm512_storeu_ps(to, x); }
  static floats add(floats a, floats b) { return _mm512_add_ps(a, b); }
  static floats sub(floats a, floats b) { return _mm512_sub_ps(a, b); }
  static floats mul(floats a, floats b) { return _mm512_mul_ps(a, b); }
  static floats div(floats a, floats b) { return _mm512_div_ps(a, b); }
  static floats fma(floats a, floats b, floats c) { return _mm512_fmadd_ps(a, b, c); }
  static floats max(floats a, floats b) { return _mm512_max_ps(a, b); }
  static floats only(std::size_t begin, std::size_t end, floats x, floats other) {
    return _mm512_mask_mov_ps(other, static_cast<__mmask16>((1u << end) - (1u << begin)), x);
  }
  static float largest(floats x) { return max_lanes(x); }
  static float sum(floats x) { return sum_lanes(x); }
  static floats exp(floats x) { return exp16(x); }
  static floats tanh(floats x) { return tanh16(x); }

private:
  static __m128i eight(const std::uint16_t* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }
};

} // namespace

void split_avx512(const split_args& args) { run_split<avx512>(args); }

} // namespace tokamak::kernels::attention_detail
