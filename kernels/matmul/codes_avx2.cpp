// matmul of quantised weights with int8 rows. Faster than the reference because one instruction multiplies 32 pairs of
// bytes (8 output rows x 4 values of k) and unpacked weights serve up to 4 rows of x.
//
// Shapes: a tile is 8 rows of W; M rows of x are done together (1..4). The integer part is exact, so any path gives the
// same bits; the float part adds one block after the other for each output.
#include <immintrin.h>

#include "avx2/vector_math.hpp"
#include "matmul/code_vectors_avx2.hpp"
#include "matmul/layout.hpp"
#include "matmul/scales_avx2.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

constexpr int max_rows = 4;

// How far ahead of use weights are asked for: one stream alone would wait for memory about a third of its time.
constexpr std::size_t ahead_bytes = 3072;

// A format: how its codes are multiplied and how their sums are scaled.
template <class Codes, class Scales>
struct format {
  using codes = Codes;
  using scales = Scales;
};

// One tile times M rows of x; y points at (first row, first row of the tile), `stored` masks the lanes to write.
template <class Format, int M>
void tile_times_rows(const packed_view& w, const std::byte* tile, quantized_block of_x, std::size_t next_block, float* y,
                     std::size_t ldy, __m256i stored) {
  using codes = typename Format::codes;
  const std::size_t blocks = w.k / block;
  const std::byte* weights = tile + w.weights_at;
  typename Format::scales scales(tile);
  __m256 acc[M];
  for (int m = 0; m < M; ++m) acc[m] = _mm256_setzero_ps();
  for (std::size_t b = 0; b < blocks; ++b, weights += codes::bytes, to_next_block(of_x, next_block)) {
    for (std::size_t line = 0; line < codes::bytes; line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(weights + ahead_bytes + line), _MM_HINT_T0);
    scales.next(b);
    __m256i products[M];
    codes::template dot<Format::scales::is_halves, M>(weights, of_x.q, scales.factor, products);
    for (int m = 0; m < M; ++m) acc[m] = scales.add(products[m], {of_x, m}, acc[m]);
  }
  for (int m = 0; m < M; ++m) _mm256_maskstore_ps(y + m * ldy, stored, acc[m]);
}

template <class Format>
void tile_times_group(const packed_view& w, const std::byte* tile, rows_of_x rows, std::size_t next_block, float* y,
                      std::size_t ldy, __m256i stored) {
  for (; rows.count >= max_rows; rows.count -= max_rows, y += max_rows * ldy) {
    tile_times_rows<Format, max_rows>(w, tile, rows.first, next_block, y, ldy, stored);
    rows.first = row_after(rows.first, max_rows);
  }
  switch (rows.count) {
    case 3: return tile_times_rows<Format, 3>(w, tile, rows.first, next_block, y, ldy, stored);
    case 2: return tile_times_rows<Format, 2>(w, tile, rows.first, next_block, y, ldy, stored);
    case 1: return tile_times_rows<Format, 1>(w, tile, rows.first, next_block, y, ldy, stored);
    default: return;
  }
}

template <class Format>
void all_tiles(const packed_view& w, const quantized_rows& x, const output_range& range) {
  const std::size_t rows_near = rows_kept_near(x), next_block = x.group * quantized_rows::row_bytes;
  for (std::size_t t = range.row_begin; t < range.row_end; t += rows_near) {
    const row_walk rows(x, t, range.row_end - t < rows_near ? range.row_end : t + rows_near);
    for (std::size_t n = range.n_begin / rows_avx2 * rows_avx2; n < range.n_end; n += rows_avx2) {
      const std::size_t skip = n < range.n_begin ? range.n_begin - n : 0;
      const std::size_t end = range.n_end - n < rows_avx2 ? range.n_end - n : rows_avx2;
      const __m256i stored = _mm256_andnot_si256(lanes(skip), lanes(end));
      const std::byte* const tile = w.data + n / rows_avx2 * w.tile_bytes;
      float* const y = range.y + t * range.ldy + n;
      rows.for_each([&](const rows_of_x& part, std::size_t first) {
        tile_times_group<Format>(w, tile, part, next_block, y + first * range.ldy, range.ldy, stored);
      });
    }
  }
}

} // namespace

void matmul_codes_avx2(const packed_view& w, const quantized_rows& x, const output_range& range) {
  switch (w.format) {
    case weight_format::q8_0: return all_tiles<format<int8_codes, scales_32<0>>>(w, x, range);
    case weight_format::iq4_nl: return all_tiles<format<table_codes, scales_32<0>>>(w, x, range);
    case weight_format::q4_0: return all_tiles<format<unsigned_codes<4>, scales_32<8>>>(w, x, range);
    case weight_format::q4_1: return all_tiles<format<unsigned_codes<4>, scales_32_min>>(w, x, range);
    case weight_format::q5_0: return all_tiles<format<unsigned_codes<5>, scales_32<16>>>(w, x, range);
    case weight_format::q5_1: return all_tiles<format<unsigned_codes<5>, scales_32_min>>(w, x, range);
    case weight_format::q2_k: return all_tiles<format<unsigned_codes<2>, scales_super_16_min>>(w, x, range);
    case weight_format::q3_k: return all_tiles<format<unsigned_codes<3>, scales_super_16<2>>>(w, x, range);
    case weight_format::q4_k: return all_tiles<format<unsigned_codes<4>, scales_super_32_min>>(w, x, range);
    case weight_format::q5_k: return all_tiles<format<unsigned_codes<5>, scales_super_32_min>>(w, x, range);
    case weight_format::q6_k: return all_tiles<format<unsigned_codes<6>, scales_super_16<5>>>(w, x, range);
    default: return;
  }
}

} // namespace tokamak::kernels::matmul_detail
