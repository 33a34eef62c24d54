// matmul of f32, f16 and bf16 weights with f32 rows: the rows of a tile in a register, each output adding its products in
// order.
//
// Shapes: M rows of x times N tiles are done together. M*N = 8 sums in flight hide the latency of a fused multiply-add, and
// each weight loaded serves M rows.
//
// For the file of a processor level, which says in `Level` what its registers do; everything is local to that file. Level has:
//   floats, tile_rows, all, fma(a, b, c) = a*b+c, lanes_between(begin, end) and store(to, those lanes, floats); and f32, f16 and bf16
//   with `bytes` of a vector of weights and load(from).
#pragma once

#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

// Rows of x kept near while all tiles pass by.
constexpr std::size_t near_bytes = 192 * 1024;

// What all calls of one matmul share.
struct job {
  const packed_view* w;
  const float* x;
  std::size_t ldx;
  const output_range* range;
};

template <class Level, class Format, int M, int N>
void multiply(const job& job, std::size_t t, std::size_t n) {
  using floats = typename Level::floats;
  constexpr std::size_t tile_rows = Level::tile_rows;
  const std::size_t tile_bytes = job.w->tile_bytes, ldx = job.ldx;
  const std::byte* w = job.w->data + n / tile_rows * tile_bytes;
  const float* const x = job.x + t * ldx;
  floats acc[M][N];
  for (int m = 0; m < M; ++m)
    for (int i = 0; i < N; ++i) acc[m][i] = Level::all(0);
  for (std::size_t k = 0; k < job.w->k; ++k, w += Format::bytes) {
    floats weights[N];
    for (int i = 0; i < N; ++i) weights[i] = Format::load(w + i * tile_bytes);
    for (int m = 0; m < M; ++m) {
      const floats value = Level::all(x[m * ldx + k]);
      for (int i = 0; i < N; ++i) acc[m][i] = Level::fma(weights[i], value, acc[m][i]);
    }
  }
  for (int i = 0; i < N; ++i, n += tile_rows) {
    const std::size_t skip = n < job.range->n_begin ? job.range->n_begin - n : 0;
    const std::size_t end = job.range->n_end - n < tile_rows ? job.range->n_end - n : tile_rows;
    const auto stored = Level::lanes_between(skip, end);
    for (int m = 0; m < M; ++m) Level::store(job.range->y + (t + m) * job.range->ldy + n, stored, acc[m][i]);
  }
}

template <class Level, class Format, int N>
void rows_times_tiles(const job& job, std::size_t t, std::size_t t_end, std::size_t n) {
  for (; t + 4 <= t_end; t += 4) multiply<Level, Format, 4, N>(job, t, n);
  switch (t_end - t) {
    case 3: return multiply<Level, Format, 3, N>(job, t, n);
    case 2: return multiply<Level, Format, 2, N>(job, t, n);
    case 1: return multiply<Level, Format, 1, N>(job, t, n);
    default: return;
  }
}

template <class Level, class Format>
void all_tiles(const job& job) {
  constexpr std::size_t tile_rows = Level::tile_rows;
  const output_range& range = *job.range;
  std::size_t rows_near = near_bytes / sizeof(float) / job.w->k / 4 * 4;
  if (rows_near == 0) rows_near = 4;
  for (std::size_t t = range.row_begin; t < range.row_end; t += rows_near) {
    const std::size_t t_end = range.row_end - t < rows_near ? range.row_end : t + rows_near;
    std::size_t n = range.n_begin / tile_rows * tile_rows;
    if (t_end - t == 1)
      for (; n + 7 * tile_rows < range.n_end; n += 8 * tile_rows) multiply<Level, Format, 1, 8>(job, t, n);
    if (t_end - t == 2)
      for (; n + 3 * tile_rows < range.n_end; n += 4 * tile_rows) multiply<Level, Format, 2, 4>(job, t, n);
    for (; n + tile_rows < range.n_end; n += 2 * tile_rows) rows_times_tiles<Level, Format, 2>(job, t, t_end, n);
    if (n < range.n_end) rows_times_tiles<Level, Format, 1>(job, t, t_end, n);
  }
}

/// `Level` has f32, f16 and bf16.
template <class Level>
void matmul_floats(const packed_view& w, const float* x, std::size_t ldx, const output_range& range) {
  const job job{&w, x, ldx, &range};
  switch (w.format) {
    case weight_format::f32: return all_tiles<Level, typename Level::f32>(job);
    case weight_format::f16: return all_tiles<Level, typename Level::f16>(job);
    case weight_format::bf16: return all_tiles<Level, typename Level::bf16>(job);
    default: return;
  }
}

} // namespace
} // namespace tokamak::kernels::matmul_detail
