// matmul of q8_0, q4_0 and q4_1 weights with int8 rows. Faster than the reference because one instruction multiplies 32
// pairs of bytes (8 output rows x 4 values of k) and unpacked weights serve up to 4 rows of x.
//
// Shapes: a tile is 8 rows of W; M rows of x are done together (1..4). The integer part is exact, so any path gives the
// same bits; the float part adds one block after the other for each output.
#include <immintrin.h>

#include "avx2/vector_math.hpp"
#include "matmul/layout.hpp"

namespace tokamak::kernels::matmul_detail {

namespace {

constexpr int max_rows = 4;

// How far ahead of use weights are asked for: one stream alone would wait for memory about a third of its time.
constexpr std::size_t ahead_bytes = 1024;

// Rows of x kept near while all tiles pass by: what fits half of a small second-level cache.
constexpr std::size_t near_bytes = 192 * 1024;

__m256i load256(const std::byte* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }

__m256 load_scales(const std::byte* from) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}

// 4 values of k of one row of x, for each of the 8 output rows.
__m256i four_of(const std::int8_t* q) {
  int four;
  __builtin_memcpy(&four, q, sizeof(four));
  return _mm256_set1_epi32(four);
}

// Keeps a sum in a register: compilers would delay the additions, until their operands no longer fit in registers.
__m256i pinned(__m256i sum) {
  __asm__("" : "+x"(sum));
  return sum;
}

// Int8 weights: |w| as unsigned, the sign moved to x. A pair sums up to 2*128*127 = 32512, which fits 16 bits.
struct q8_0 {
  static constexpr std::size_t scale_bytes = 16, weight_bytes = 256;

  template <int M>
  static void dot(const std::byte* weights, const std::int8_t* q, std::size_t k, __m256i* sums) {
    const __m256i ones = _mm256_set1_epi16(1);
    for (int m = 0; m < M; ++m) sums[m] = _mm256_setzero_si256();
    for (int group = 0; group < 8; ++group) {
      const __m256i w = load256(weights + 32 * group), magnitude = _mm256_abs_epi8(w);
      for (int m = 0; m < M; ++m) {
        const __m256i x = _mm256_sign_epi8(four_of(q + m * k + 4 * group), w);
        sums[m] = pinned(_mm256_add_epi32(sums[m], _mm256_madd_epi16(_mm256_maddubs_epi16(magnitude, x), ones)));
      }
    }
  }

  static __m256 add_minimum(const std::byte*, __m256, float, __m256 acc) { return acc; }
};

// Nibbles 0..15: all 8 pair sums of a block together stay below 8*2*15*127 = 30480, so 16 bits hold a whole block.
struct nibbles {
  template <int M>
  static void dot(const std::byte* weights, const std::int8_t* q, std::size_t k, __m256i* sums) {
    const __m256i low_half = _mm256_set1_epi8(15);
    for (int m = 0; m < M; ++m) sums[m] = _mm256_setzero_si256();
    for (int group = 0; group < 4; ++group) {
      const __m256i packed = load256(weights + 32 * group);
      const __m256i low = _mm256_and_si256(packed, low_half);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(packed, 4), low_half);
      for (int m = 0; m < M; ++m) {
        const std::int8_t* const x = q + m * k + 4 * group;
        sums[m] = pinned(_mm256_add_epi16(sums[m], _mm256_maddubs_epi16(low, four_of(x))));
        sums[m] = pinned(_mm256_add_epi16(sums[m], _mm256_maddubs_epi16(high, four_of(x + 16))));
      }
    }
    for (int m = 0; m < M; ++m) sums[m] = _mm256_madd_epi16(sums[m], _mm256_set1_epi16(1));
  }
};

struct q4_0 : nibbles {
  static constexpr std::size_t scale_bytes = 16, weight_bytes = 128;
  static __m256 add_minimum(const std::byte*, __m256 d, float sum, __m256 acc) {
    return _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(-8.0f)), _mm256_set1_ps(sum), acc);
  }
};

struct q4_1 : nibbles {
  static constexpr std::size_t scale_bytes = 32, weight_bytes = 128;
  static __m256 add_minimum(const std::byte* scales, __m256, float sum, __m256 acc) {
    return _mm256_fmadd_ps(load_scales(scales + 16), _mm256_set1_ps(sum), acc);
  }
};

// One tile times M rows of x from row t on; y points at (t, first row of the tile), `stored` masks the lanes to write.
template <class Format, int M>
void tile_times_rows(const packed_view& w, const std::byte* tile, const quantized_rows& x, std::size_t t, float* y,
                     std::size_t ldy, __m256i stored) {
  const std::size_t blocks = w.k / block;
  const std::int8_t* q = x.q + t * w.k;
  const float* const scale = x.scale + t * blocks;
  const float* const sum = x.sum + t * blocks;
  const std::byte* weights = tile + w.weights_at;
  __m256 acc[M];
  for (int m = 0; m < M; ++m) acc[m] = _mm256_setzero_ps();
  for (std::size_t b = 0; b < blocks; ++b, q += block, tile += Format::scale_bytes, weights += Format::weight_bytes) {
    for (std::size_t line = 0; line < Format::weight_bytes; line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(weights + ahead_bytes + line), _MM_HINT_T0);
    __m256i products[M];
    Format::template dot<M>(weights, q, w.k, products);
    const __m256 d = load_scales(tile);
    for (int m = 0; m < M; ++m) {
      const __m256 both = _mm256_mul_ps(d, _mm256_set1_ps(scale[m * blocks + b]));
      acc[m] = _mm256_fmadd_ps(both, _mm256_cvtepi32_ps(products[m]), acc[m]);
      acc[m] = Format::add_minimum(tile, d, sum[m * blocks + b], acc[m]);
    }
  }
  for (int m = 0; m < M; ++m) _mm256_maskstore_ps(y + m * ldy, stored, acc[m]);
}

template <class Format>
void tile_times_range(const packed_view& w, const std::byte* tile, const quantized_rows& x, std::size_t t,
                      std::size_t row_end, float* y, std::size_t ldy, __m256i stored) {
  for (; t + max_rows <= row_end; t += max_rows)
    tile_times_rows<Format, max_rows>(w, tile, x, t, y + t * ldy, ldy, stored);
  switch (row_end - t) {
    case 3: return tile_times_rows<Format, 3>(w, tile, x, t, y + t * ldy, ldy, stored);
    case 2: return tile_times_rows<Format, 2>(w, tile, x, t, y + t * ldy, ldy, stored);
    case 1: return tile_times_rows<Format, 1>(w, tile, x, t, y + t * ldy, ldy, stored);
    default: return;
  }
}

template <class Format>
void all_tiles(const packed_view& w, const quantized_rows& x, const output_range& range) {
  std::size_t rows_near = near_bytes / w.k / max_rows * max_rows;
  if (rows_near == 0) rows_near = max_rows;
  for (std::size_t t = range.row_begin; t < range.row_end; t += rows_near) {
    const std::size_t t_end = range.row_end - t < rows_near ? range.row_end : t + rows_near;
    for (std::size_t n = range.n_begin / tile_rows * tile_rows; n < range.n_end; n += tile_rows) {
      const std::size_t skip = n < range.n_begin ? range.n_begin - n : 0;
      const std::size_t end = range.n_end - n < tile_rows ? range.n_end - n : tile_rows;
      const __m256i stored = _mm256_andnot_si256(lanes(skip), lanes(end));
      tile_times_range<Format>(w, w.data + n / tile_rows * w.tile_bytes, x, t, t_end, range.y + n, range.ldy, stored);
    }
  }
}

} // namespace

void matmul_blocks_avx2(const packed_view& w, const quantized_rows& x, const output_range& range) {
  switch (w.format) {
    case weight_format::q8_0: return all_tiles<q8_0>(w, x, range);
    case weight_format::q4_0: return all_tiles<q4_0>(w, x, range);
    case weight_format::q4_1: return all_tiles<q4_1>(w, x, range);
    default: return;
  }
}

} // namespace tokamak::kernels::matmul_detail
