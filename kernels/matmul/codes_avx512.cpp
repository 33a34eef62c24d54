// matmul of quantised weights with int8 rows. Faster than AVX2 because one instruction multiplies 64 pairs of bytes and adds them to
// 32-bit sums at once (VNNI), and 32 registers let unpacked weights serve up to 12 rows of x.
//
// Shapes: a tile is 16 rows of W; M rows of x are done together (1..12). The integer part is exact, so any path gives the same bits,
// which are those of AVX2, too; the float part adds one block after the other for each output.
#include <immintrin.h>

#include "matmul/code_vectors_avx512.hpp"
#include "matmul/layout.hpp"
#include "matmul/scales_avx512.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

constexpr int max_rows = quantized_rows::largest_group;

// How far ahead of use weights are asked for: one stream alone would wait for memory about a third of its time.
constexpr std::size_t ahead_bytes = 4096;

// A format: how its codes are multiplied and how their sums are scaled. `Offset` is taken off the codes while sums are integers.
template <class Codes, class Scales, int Offset = 0>
struct format {
  using codes = Codes;
  using scales = Scales;
  static constexpr int offset = Codes::offset + Offset;
};

// What a part of a block sums to before any product: -offset times its values of x. `half_sums` are those of the block's two halves.
template <int Offset, int Parts>
inline __m512i first_sum(int part, int half_sums) {
  if (Offset == 0) return _mm512_setzero_si512();
  const int both = (-Offset) & 0xffff;
  const int factors = Parts == 1 ? both | both << 16 : part == 0 ? both : both << 16;
  return _mm512_dpwssd_epi32(_mm512_setzero_si512(), _mm512_set1_epi32(half_sums), _mm512_set1_epi32(factors));
}

// One tile times M rows of x; y points at (first row, first row of the tile), `stored` names the lanes to write.
template <class Format, int M>
void tile_times_rows(const packed_view& w, const std::byte* tile, quantized_block of_x, std::size_t next_block, float* y, std::size_t ldy, __mmask16 stored) {
  using codes = typename Format::codes;
  constexpr int parts = Format::scales::parts;
  const std::size_t blocks = w.k / block;
  const std::byte* weights = tile + w.weights_at;
  typename Format::scales scales(tile);
  __m512 acc[M];
  for (int m = 0; m < M; ++m) acc[m] = _mm512_setzero_ps();
  for (std::size_t b = 0; b < blocks; ++b, weights += codes::bytes, to_next_block(of_x, next_block)) {
    for (std::size_t line = 0; line < codes::bytes; line += 64) _mm_prefetch(reinterpret_cast<const char*>(weights + ahead_bytes + line), _MM_HINT_T0);
    scales.next(b);
    codes reader(weights);
    __m512i sums[parts][M];
    for (int part = 0; part < parts; ++part)
      for (int m = 0; m < M; ++m) sums[part][m] = first_sum<Format::offset, parts>(part, block_of_x(of_x, m).half_sums);
    if constexpr (parts == 1) {
      add_products<0, 8, M>(reader, of_x.q, sums[0]);
    } else {
      add_products<0, 4, M>(reader, of_x.q, sums[0]);
      add_products<4, 8, M>(reader, of_x.q, sums[1]);
    }
    for (int m = 0; m < M; ++m) {
      __m512i of_row[parts];
      for (int part = 0; part < parts; ++part) of_row[part] = sums[part][m];
      acc[m] = scales.add(of_row, {of_x, m}, acc[m]);
    }
  }
  for (int m = 0; m < M; ++m) _mm512_mask_storeu_ps(y + static_cast<std::size_t>(m) * ldy, stored, acc[m]);
}

template <class Format, int M>
void tile_times_group(const packed_view& w, const std::byte* tile, const rows_of_x& rows, std::size_t next_block, float* y, std::size_t ldy, __mmask16 stored) {
  if constexpr (M > 0) {
    if (rows.count == M) return tile_times_rows<Format, M>(w, tile, rows.first, next_block, y, ldy, stored);
    tile_times_group<Format, M - 1>(w, tile, rows, next_block, y, ldy, stored);
  }
}

template <class Format>
void all_tiles(const packed_view& w, const quantized_rows& x, const output_range& range) {
  const std::size_t rows_near = rows_kept_near(x), next_block = x.group * quantized_rows::row_bytes;
  for (std::size_t t = range.row_begin; t < range.row_end; t += rows_near) {
    const row_walk rows(x, t, range.row_end - t < rows_near ? range.row_end : t + rows_near);
    for (std::size_t n = range.n_begin / rows_avx512 * rows_avx512; n < range.n_end; n += rows_avx512) {
      const std::size_t skip = n < range.n_begin ? range.n_begin - n : 0;
      const std::size_t end = range.n_end - n < rows_avx512 ? range.n_end - n : rows_avx512;
      const auto stored = static_cast<__mmask16>((1u << end) - (1u << skip));
      const std::byte* const tile = w.data + n / rows_avx512 * w.tile_bytes;
      float* const y = range.y + t * range.ldy + n;
      rows.for_each([&](const rows_of_x& part, std::size_t first) {
        tile_times_group<Format, max_rows>(w, tile, part, next_block, y + first * range.ldy, range.ldy, stored);
      });
    }
  }
}

} // namespace

void matmul_codes_avx512(const packed_view& w, const quantized_rows& x, const output_range& range) {
  switch (w.format) {
    case weight_format::q8_0: return all_tiles<format<int8_codes, scales_32<0>>>(w, x, range);
    case weight_format::iq4_nl: return all_tiles<format<table_codes, scales_32<0>>>(w, x, range);
    case weight_format::q4_0: return all_tiles<format<unsigned_codes<4>, scales_32<8>>>(w, x, range);
    case weight_format::q4_1: return all_tiles<format<unsigned_codes<4>, scales_32_min>>(w, x, range);
    case weight_format::q5_0: return all_tiles<format<unsigned_codes<5>, scales_32<16>>>(w, x, range);
    case weight_format::q5_1: return all_tiles<format<unsigned_codes<5>, scales_32_min>>(w, x, range);
    case weight_format::q2_k: return all_tiles<format<unsigned_codes<2>, scales_super_16_min>>(w, x, range);
    case weight_format::q3_k: return all_tiles<format<unsigned_codes<3>, scales_super_16, 4>>(w, x, range);
    case weight_format::q4_k: return all_tiles<format<unsigned_codes<4>, scales_super_32_min>>(w, x, range);
    case weight_format::q5_k: return all_tiles<format<unsigned_codes<5>, scales_super_32_min>>(w, x, range);
    case weight_format::q6_k: return all_tiles<format<unsigned_codes<6>, scales_super_16, 32>>(w, x, range);
    default: return;
  }
}

} // namespace tokamak::kernels::matmul_detail
