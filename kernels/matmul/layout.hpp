// Inside of a packed tile of R rows (8; 16 for AVX-512), shared by packing, the reference and the fast versions.
//
// Plain formats: [k][R rows]. Quantised formats: scale records, padded to 64 bytes, then codes.
//   Codes of each 32 values of k are `bits` vectors of 4 R bytes. A vector for 4 values of k holds byte [R rows][4 k]; the
//   vectors of the 8 groups of four share planes: a plane of w bits takes w vectors, each with 8/w groups, the first
//   group in the lowest bits. 8, 4 and 2 bits are one such plane; 5 and 6 are one of 4 bits and behind it one of the
//   upper 1 or 2; 3 is one of 2 and one of 1. So 3, 5 and 6 bits stream from memory as 3, 5 and 6, and unpacking is shifts.
//   A scale record covers 32 values of k, or 256 for super-blocks, whose 6- or 8-bit scales are kept as they are:
//     per_32        [R] f16 d
//     per_32_min    [R] f16 d, [R] f16 m
//     super_32_min  [R] f16 d, [R] f16 m, then for each 32: [R] u8 scale, [R] u8 min
//     super_16      [R] f16 d, then for each 32: [R rows][2] i8 scale
//     super_16_min  [R] f16 d, [R] f16 m, then for each 32: [R rows][2] u8 scale + 16 * min
#pragma once

#include <algorithm>

#include "tokamak/kernels/matmul.hpp"
#include "weight_format/block_codes.hpp"

namespace tokamak::kernels::matmul_detail {

inline constexpr std::size_t block = 32;  ///< values of k with one activation scale
inline constexpr std::size_t rows_avx2 = 8, rows_avx512 = 16; ///< of a tile: as many as a register has 32-bit lanes
inline constexpr std::size_t groups = 8;  ///< of 4 values of k in a block

/// Bytes of a vector of codes of a tile of `rows` rows.
constexpr std::size_t vector_bytes(std::size_t rows) { return 4 * rows; }

/// Moves from a block of x to the same row's next; `bytes` is a group's block.
inline void to_next_block(quantized_block& x, std::size_t bytes) {
  x.q += bytes;
  x.scale += bytes / sizeof(float);
  x.sum += bytes / sizeof(float);
  x.half_sums += bytes / sizeof(std::int16_t);
}

/// The same block of a row further down the group.
inline quantized_block row_after(const quantized_block& x, std::size_t rows) {
  return {x.q + block * rows, x.scale + rows, x.sum + rows, x.half_sums + 2 * rows};
}

/// Consecutive rows of x that lie in one group.
struct rows_of_x {
  quantized_block first; ///< of the first row: its first block
  std::size_t count;
};

/// Cuts rows [begin, end) of x into those of each group; worked out once for all tiles.
class row_walk {
public:
  row_walk(const quantized_rows& x, std::size_t begin, std::size_t end)
      : first_{x.block(begin, 0), std::min(end - begin, x.group - begin % x.group)}, rest_(end - begin - first_.count), group_(x.group),
        group_bytes_(x.group * (x.k / block) * quantized_rows::row_bytes) {
    if (rest_ != 0) second_ = x.block(begin + first_.count, 0);
  }

  /// Calls fn(rows_of_x, number of the first row counted from `begin`) for each group.
  template <class Function>
  void for_each(Function fn) const {
    fn(first_, std::size_t{0});
    quantized_block of_group = second_;
    for (std::size_t done = first_.count, left = rest_; left != 0;) {
      const std::size_t count = std::min(left, group_);
      fn(rows_of_x{of_group, count}, done);
      to_next_block(of_group, group_bytes_);
      done += count;
      left -= count;
    }
  }

private:
  rows_of_x first_;
  std::size_t rest_, group_, group_bytes_;
  quantized_block second_{};
};

/// Rows of x that stay near while all tiles pass by: whole groups that fit half of the second cache.
inline std::size_t rows_kept_near(const quantized_rows& x) {
  const std::size_t group_bytes = x.group * (x.k / block) * quantized_rows::row_bytes;
  return std::max<std::size_t>(1, second_cache_bytes() / 2 / group_bytes) * x.group;
}

/// How codes are cut into planes.
struct planes {
  unsigned low, high; ///< bits; high may be 0
};
constexpr planes planes_of(unsigned bits) {
  return bits == 3 ? planes{2, 1} : bits == 5 || bits == 6 ? planes{4, bits - 4} : planes{bits, 0};
}

/// Scale records of a scheme.
struct scale_record {
  std::size_t weights;   ///< values of k that one covers
  bool with_min;         ///< m stands behind d
  std::size_t head;      ///< bytes of f16 factors at its beginning
  std::size_t per_block; ///< bytes for each 32 values of k behind them
  std::size_t bytes() const { return head + weights / block * per_block; }
};
constexpr scale_record record_of(scale_kind kind, std::size_t rows) {
  switch (kind) {
    case scale_kind::per_32: return {32, false, 2 * rows, 0};
    case scale_kind::per_32_min: return {32, true, 4 * rows, 0};
    case scale_kind::super_16: return {256, false, 2 * rows, 2 * rows};
    default: return {256, true, 4 * rows, 2 * rows};
  }
}

/// Row `r` of a tile at values [32 b, 32 b + 32) of k, taken apart as the file's block is: q[0..31], scale[0..1],
/// min[0..1] (super_32_min: only [0]), d and m.
void open_packed(const packed_view& w, const std::byte* tile, std::size_t b, std::size_t r, block_codes& codes);

/// Per-level implementations of quantize_rows and matmul; arguments as there, ranges not empty.
void quantize_rows_reference(const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                             const quantized_rows& out);
void quantize_rows_avx2(const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                        const quantized_rows& out);
void quantize_rows_avx512(const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                          const quantized_rows& out);

/// A range of outputs.
struct output_range {
  std::size_t row_begin, row_end, n_begin, n_end;
  float* y;
  std::size_t ldy;
};
void matmul_reference(const packed_view& w, const matmul_input& x, const output_range& range);
void matmul_codes_avx2(const packed_view& w, const quantized_rows& x, const output_range& range);
void matmul_floats_avx2(const packed_view& w, const float* x, std::size_t ldx, const output_range& range);
void matmul_codes_avx512(const packed_view& w, const quantized_rows& x, const output_range& range);
void matmul_floats_avx512(const packed_view& w, const float* x, std::size_t ldx, const output_range& range);

} // namespace tokamak::kernels::matmul_detail
