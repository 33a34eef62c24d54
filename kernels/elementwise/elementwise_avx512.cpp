// Ops on single values, sixteen at a time; the bits of AVX2.
#include "avx512/vector_math.hpp"
#include "elementwise/vector_ops.hpp"

namespace tokamak::kernels::elementwise_detail {

namespace {

struct simd {
  using floats = __m512;
  static constexpr std::size_t lane_count = 16;
  static __mmask16 first(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static floats all(float x) { return _mm512_set1_ps(x); }
  static floats load(const float* from) { return _mm512_loadu_ps(from); }
  static floats load_first(const float* from, std::size_t n) { return _mm512_maskz_loadu_ps(first(n), from); }
  static void store(float* to, floats x) { _mm512_storeu_ps(to, x); }
  static void store_first(float* to, std::size_t n, floats x) { _mm512_mask_storeu_ps(to, first(n), x); }
  static floats add(floats a, floats b) { return _mm512_add_ps(a, b); }
  static floats mul(floats a, floats b) { return _mm512_mul_ps(a, b); }
  static floats div(floats a, floats b) { return _mm512_div_ps(a, b); }
  static floats negative(floats x) { return _mm512_xor_ps(x, _mm512_set1_ps(-0.0f)); }
  static floats exp(floats x) { return exp16(x); }
  static floats tanh(floats x) { return tanh16(x); }
};

} // namespace

constinit const level_ops avx512 = vector_ops<simd>::ops;

} // namespace tokamak::kernels::elementwise_detail
