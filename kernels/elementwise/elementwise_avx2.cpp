// Ops on single values, eight at a time; the last few go through the same instructions under a mask.
#include "avx2/vector_math.hpp"
#include "elementwise/levels.hpp"

namespace tokamak::kernels::elementwise_avx2 {

namespace {

template <class Op>
void each(const float* x, float* out, std::size_t n, Op op) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, op(_mm256_loadu_ps(x + i)));
  if (i == n) return;
  const __m256i rest = lanes(n - i);
  _mm256_maskstore_ps(out + i, rest, op(_mm256_maskload_ps(x + i, rest)));
}

template <class Op>
void each(const float* x, const float* y, float* out, std::size_t n, Op op) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, op(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
  if (i == n) return;
  const __m256i rest = lanes(n - i);
  _mm256_maskstore_ps(out + i, rest, op(_mm256_maskload_ps(x + i, rest), _mm256_maskload_ps(y + i, rest)));
}

// x / (1 + exp(-u))
__m256 gate(__m256 x, __m256 u) {
  const __m256 e = exp8(_mm256_xor_ps(u, _mm256_set1_ps(-0.0f)));
  return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
}

__m256 silu_of(__m256 x) { return gate(x, x); }

// 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2u))
__m256 gelu_of(__m256 x) {
  const __m256 cubic = _mm256_mul_ps(_mm256_mul_ps(x, x), _mm256_mul_ps(x, _mm256_set1_ps(0.044715f)));
  return gate(x, _mm256_mul_ps(_mm256_add_ps(x, cubic), _mm256_set1_ps(1.5957691216057308f)));
}

} // namespace

void add(const float* x, const float* y, float* out, std::size_t n) {
  each(x, y, out, n, [](__m256 a, __m256 b) { return _mm256_add_ps(a, b); });
}

void mul(const float* x, const float* y, float* out, std::size_t n) {
  each(x, y, out, n, [](__m256 a, __m256 b) { return _mm256_mul_ps(a, b); });
}

void scale(const float* x, float factor, float* out, std::size_t n) {
  const __m256 all = _mm256_set1_ps(factor);
  each(x, out, n, [all](__m256 a) { return _mm256_mul_ps(a, all); });
}

void silu(const float* x, float* out, std::size_t n) {
  each(x, out, n, [](__m256 a) { return silu_of(a); });
}

void silu_mul(const float* x, const float* y, float* out, std::size_t n) {
  each(x, y, out, n, [](__m256 a, __m256 b) { return _mm256_mul_ps(silu_of(a), b); });
}

void gelu(const float* x, float* out, std::size_t n) {
  each(x, out, n, [](__m256 a) { return gelu_of(a); });
}

void gelu_mul(const float* x, const float* y, float* out, std::size_t n) {
  each(x, y, out, n, [](__m256 a, __m256 b) { return _mm256_mul_ps(gelu_of(a), b); });
}

void soft_cap(const float* x, float cap, float* out, std::size_t n) {
  const __m256 caps = _mm256_set1_ps(cap);
  each(x, out, n, [caps](__m256 a) { return _mm256_mul_ps(caps, tanh8(_mm256_div_ps(a, caps))); });
}

} // namespace tokamak::kernels::elementwise_avx2
