// Inside of a packed tile of 8 rows, shared by packing, the reference and the fast versions.
//   block formats: scales [k/32][8] f16 (q4_1: 8 d, then 8 m), padded to 64 bytes; then weights [k/32], each
//     q8_0: [8 groups of 4 k][8 rows][4 k] int8; q4: [4 groups][8 rows][4] bytes, where the low nibbles of group j are
//     k = 4j..4j+3 and the high ones k = 16+4j..16+4j+3.
//   f32, f16, bf16: [k][8 rows].
#pragma once

#include "tokamak/kernels/matmul.hpp"

namespace tokamak::kernels::matmul_detail {

inline constexpr std::size_t block = 32;

/// Per-level implementations of quantize_rows and matmul; arguments as there, ranges not empty.
void quantize_rows_reference(const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                             const quantized_rows& out);
void quantize_rows_avx2(const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                        const quantized_rows& out);

/// A range of outputs.
struct output_range {
  std::size_t row_begin, row_end, n_begin, n_end;
  float* y;
  std::size_t ldy;
};
void matmul_reference(const packed_view& w, const matmul_input& x, const output_range& range);
void matmul_blocks_avx2(const packed_view& w, const quantized_rows& x, const output_range& range);
void matmul_floats_avx2(const packed_view& w, const float* x, std::size_t ldx, const output_range& range);

} // namespace tokamak::kernels::matmul_detail
