// Attention with AVX2: 8 lanes, up to 6 queries at once.
#include "attention/vector_split.hpp"
#include "avx2/vector_math.hpp"

namespace tokamak::kernels::attention_detail {

namespace {

struct avx2 {
  using floats = __m256;
  static constexpr std::uint32_t lane_count = 8;
  static constexpr int queries = queries_avx2;
  static constexpr int vectors_of_keys(int m) { return m <= 3 ? 4 : 2; }
  static constexpr int vectors_of_values(int m) { return m <= 3 ? 4 : 2; }

  static floats all(float x) { return _mm256_set1_ps(x); }
  static floats load(const float* from) { return _mm256_loadu_ps(from); }
  static floats load(const std::uint16_t* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  template <class Element>
  static floats load_eight(const Element* from) { return load(from); }
  static void store(float* to, floats x) { _mm256_storeu_ps(to, x); }
  static floats add(floats a, floats b) { return _mm256_add_ps(a, b); }
  static floats sub(floats a, floats b) { return _mm256_sub_ps(a, b); }
  static floats mul(floats a, floats b) { return _mm256_mul_ps(a, b); }
  static floats div(floats a, floats b) { return _mm256_div_ps(a, b); }
  static floats fma(floats a, floats b, floats c) { return _mm256_fmadd_ps(a, b, c); }
  static floats max(floats a, floats b) { return _mm256_max_ps(a, b); }
  static floats only(std::size_t begin, std::size_t end, floats x, floats other) {
    return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(_mm256_andnot_si256(lanes(begin), lanes(end))));
  }
  static float largest(floats x) { return max_lanes(x); }
  static float sum(floats x) { return sum_lanes(x); }
  static floats exp(floats x) { return exp8(x); }
  static floats tanh(floats x) { return tanh8(x); }
};

} // namespace

void split_avx2(const split_args& args) { run_split<avx2>(args); }

void merge_avx2(float* state, const float* partial, std::uint32_t value_dim) {
  const __m256 both = _mm256_setr_ps(state[value_dim], partial[value_dim], 0, 0, 0, 0, 0, 0);
  const float largest = state[value_dim] > partial[value_dim] ? state[value_dim] : partial[value_dim];
  alignas(32) float factor[8];
  _mm256_store_ps(factor, exp8(_mm256_sub_ps(both, _mm256_set1_ps(largest))));
  const __m256 keep = _mm256_set1_ps(factor[0]), take = _mm256_set1_ps(factor[1]);
  for (std::size_t d = 0; d < value_dim; d += 8) {
    const __m256i mask = lanes(value_dim - d < 8 ? value_dim - d : 8);
    const __m256 merged = _mm256_fmadd_ps(_mm256_maskload_ps(state + d, mask), keep,
                                          _mm256_mul_ps(_mm256_maskload_ps(partial + d, mask), take));
    _mm256_maskstore_ps(state + d, mask, merged);
  }
  state[value_dim + 1] = state[value_dim + 1] * factor[0] + partial[value_dim + 1] * factor[1];
  state[value_dim] = largest;
}

} // namespace tokamak::kernels::attention_detail
