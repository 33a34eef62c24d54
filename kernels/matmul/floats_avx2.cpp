// matmul of f32, f16 and bf16 weights with f32 rows: 8 output rows a register, each output adding its products in
// order.
//
// Shapes: a tile is 8 rows of W; M rows of x times N tiles are done together. M*N = 8 sums in flight hide the latency
// of a fused multiply-add, and each weight loaded serves M rows.
#include <immintrin.h>

#include "avx2/vector_math.hpp"
#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

// Rows of x kept near while all tiles pass by.
constexpr std::size_t near_bytes = 192 * 1024;

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

// What all calls of one matmul share.
struct job {
  const packed_view* w;
  const float* x;
  std::size_t ldx;
  const output_range* range;
};

template <class Format, int M, int N>
void multiply(const job& job, std::size_t t, std::size_t n) {
  const std::size_t tile_bytes = job.w->tile_bytes, ldx = job.ldx;
  const std::byte* w = job.w->data + n / rows_avx2 * tile_bytes;
  const float* const x = job.x + t * ldx;
  __m256 acc[M][N];
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < N; ++i) acc[m][i] = _mm256_setzero_ps();
  for (std::size_t k = 0; k < job.w->k; ++k, w += Format::bytes) {
    __m256 weights[N];
    for (int i = 0; i < N; ++i) weights[i] = Format::load(w + i * tile_bytes);
    for (int m = 0; m < M; ++m) {
      const __m256 value = _mm256_set1_ps(x[m * ldx + k]);
      for (int i = 0; i < N; ++i) acc[m][i] = _mm256_fmadd_ps(weights[i], value, acc[m][i]);
    }
  }
  for (int i = 0; i < N; ++i, n += rows_avx2) {
    const std::size_t skip = n < job.range->n_begin ? job.range->n_begin - n : 0;
    const std::size_t end = job.range->n_end - n < rows_avx2 ? job.range->n_end - n : rows_avx2;
    const __m256i stored = _mm256_andnot_si256(lanes(skip), lanes(end));
    for (int m = 0; m < M; ++m) _mm256_maskstore_ps(job.range->y + (t + m) * job.range->ldy + n, stored, acc[m][i]);
  }
}

template <class Format, int N>
void rows_times_tiles(const job& job, std::size_t t, std::size_t t_end, std::size_t n) {
  for (; t + 4 <= t_end; t += 4) multiply<Format, 4, N>(job, t, n);
  switch (t_end - t) {
    case 3: return multiply<Format, 3, N>(job, t, n);
    case 2: return multiply<Format, 2, N>(job, t, n);
    case 1: return multiply<Format, 1, N>(job, t, n);
    default: return;
  }
}

template <class Format>
void all_tiles(const job& job) {
  const output_range& range = *job.range;
  std::size_t rows_near = near_bytes / sizeof(float) / job.w->k / 4 * 4;
  if (rows_near == 0) rows_near = 4;
  for (std::size_t t = range.row_begin; t < range.row_end; t += rows_near) {
    const std::size_t t_end = range.row_end - t < rows_near ? range.row_end : t + rows_near;
    std::size_t n = range.n_begin / rows_avx2 * rows_avx2;
    if (t_end - t == 1)
      for (; n + 7 * rows_avx2 < range.n_end; n += 8 * rows_avx2) multiply<Format, 1, 8>(job, t, n);
    if (t_end - t == 2)
      for (; n + 3 * rows_avx2 < range.n_end; n += 4 * rows_avx2) multiply<Format, 2, 4>(job, t, n);
    for (; n + rows_avx2 < range.n_end; n += 2 * rows_avx2) rows_times_tiles<Format, 2>(job, t, t_end, n);
    if (n < range.n_end) rows_times_tiles<Format, 1>(job, t, t_end, n);
  }
}

} // namespace

void matmul_floats_avx2(const packed_view& w, const float* x, std::size_t ldx, const output_range& range) {
  const job job{&w, x, ldx, &range};
  switch (w.format) {
    case weight_format::f32: return all_tiles<f32>(job);
    case weight_format::f16: return all_tiles<f16>(job);
    case weight_format::bf16: return all_tiles<bf16>(job);
    default: return;
  }
}

} // namespace tokamak::kernels::matmul_detail
