// Ops on single values, eight at a time.
#include "avx2/vector_math.hpp"
#include "elementwise/vector_ops.hpp"

namespace tokamak::kernels::elementwise_detail {

namespace {

struct simd {
  using floats = __m256;
  static constexpr std::size_t lane_count = 8;
  static floats all(float x) { return _mm256_set1_ps(x); }
  static floats load(const float* from) { return _mm256_loadu_ps(from); }
  static floats load_first(const float* from, std::size_t n) { return _mm256_maskload_ps(from, lanes(n)); }
  static void store(float* to, floats x) { _mm256_storeu_ps(to, x); }
  static void store_first(float* to, std::size_t n, floats x) { _mm256_maskstore_ps(to, lanes(n), x); }
  static floats add(floats a, floats b) { return _mm256_add_ps(a, b); }
  static floats mul(floats a, floats b) { return _mm256_mul_ps(a, b); }
  static floats div(floats a, floats b) { return _mm256_div_ps(a, b); }
  static floats negative(floats x) { return _mm256_xor_ps(x, _mm256_set1_ps(-0.0f)); }
  static floats exp(floats x) { return exp8(x); }
  static floats tanh(floats x) { return tanh8(x); }
};

} // namespace

constinit const level_ops avx2 = vector_ops<simd>::ops;

} // namespace tokamak::kernels::elementwise_detail
