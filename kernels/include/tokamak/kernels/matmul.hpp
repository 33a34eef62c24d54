// y[T,N] = x[T,K] * W[N,K]^T, the op that most of a model's time goes to.
//
// Weights are repacked once at load (packed_matrix). Quantised formats multiply integer by integer: each row of x is
// quantised once to blocks of 32 (quantize_rows). Every output has one accumulation order, so its bits depend neither
// on the number of rows T nor on how rows and columns are split over calls and threads. Arithmetic of one output
// y[t,n], with blocks b of 32 ascending, dx and sx the block's scale and sum of x (f32 throughout; a "multiply-add" is
// fused in the fast versions, not in the reference); integers are exact, then rounded once to f32:
//   per_32 (q8_0, iq4_nl, q4_0, q5_0):  acc = (d * dx) * float(sum_i c[i]*qx[i]) + acc with c the int8 or table value,
//                        or for q4_0 and q5_0 the unsigned code, and then acc = (d * -offset) * sx + acc
//   per_32_min (q4_1, q5_1):    acc = (d * dx) * float(sum_i q[i]*qx[i]) + acc, then acc = m * sx + acc
//   super_32_min (q4_k, q5_k):  acc = ((d*scale) * dx) * float(sum_i q[i]*qx[i]) + acc, then acc = (m*-min) * sx + acc
//   super_16 (q3_k, q6_k):      acc = (d * dx) * float(sum over both halves of scale * sum_i (q[i]-offset)*qx[i]) + acc
//   super_16_min (q2_k):        acc = (d * dx) * float(sum over both halves of scale * sum_i q[i]*qx[i]) + acc, then
//                               acc = (m * -dx) * float(sum over both halves of min * sum_i qx[i]) + acc
//   f32, f16, bf16:             acc = w[n,k] * x[t,k] + acc, k ascending
// (weight_format/block_codes.hpp says what d, m, scale, min and q are.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tokamak/kernels/aligned_buffer.hpp"
#include "tokamak/kernels/cpu_level.hpp"
#include "tokamak/kernels/weight_format.hpp"

namespace tokamak::kernels {

/// A block of 32 values of one quantised row: x[i] ~ scale * q[i].
struct quantized_block {
  std::int8_t* q;          ///< [32], each -127..127
  float* scale;
  float* sum;              ///< scale * (sum of q)
  std::int16_t* half_sums; ///< [2]: sums of 16 q
};

/// Rows of x quantised to int8. Rows are kept in groups of as many as kernels multiply at once; the blocks of a group follow one another,
/// each with [group] x 32 q, [group] scale, [group] sum and [group] x 2 half_sums, so that one walk through memory feeds all rows.
/// A plain view: the memory belongs to the caller.
struct quantized_rows {
  static constexpr std::size_t largest_group = 12;
  static constexpr std::size_t row_bytes = 32 + 2 * sizeof(float) + 2 * sizeof(std::int16_t); ///< of one row's block

  std::byte* data = nullptr;
  std::size_t rows = 0, k = 0;
  std::size_t group = 1; ///< largest_group, or `rows` where those are fewer

  /// Values [32 b, 32 b + 32) of row t.
  quantized_block block(std::size_t t, std::size_t b) const {
    const std::size_t of_group = t % group;
    std::byte* const begin = data + (t / group * (k / 32) + b) * group * row_bytes;
    auto* const scales = reinterpret_cast<float*>(begin + 32 * group);
    return {reinterpret_cast<std::int8_t*>(begin) + 32 * of_group, scales + of_group, scales + group + of_group,
            reinterpret_cast<std::int16_t*>(scales + 2 * group) + 2 * of_group};
  }
};

/// Bytes that quantized_rows of this shape take, and the view over such memory (64-byte aligned, any content).
std::size_t quantized_bytes(std::size_t rows, std::size_t k);
quantized_rows quantized_view(void* memory, std::size_t rows, std::size_t k);

/// Quantises rows [row_begin, row_end) of x (row stride ldx floats) to the same rows of `out`. scale = max|x|/127, q = x*(127/max|x|) rounded to
/// nearest even. A block whose largest magnitude is below 2^-100 becomes zeros; one with an infinity or NaN gets scale
/// and sum NaN, so that NaN shows in the outputs. REQUIRES: out.k a multiple of 32. Any thread; rows are independent.
void quantize_rows(cpu_level level, const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                   const quantized_rows& out);

/// Read-only view of packed weights: tiles of 8 or 16 rows in sequence, each scales first, then interleaved weights
/// (matmul/layout.hpp).
struct packed_view {
  const std::byte* data = nullptr;
  std::size_t tile_bytes = 0; ///< distance of two tiles
  std::size_t weights_at = 0; ///< offset of the weights within a tile; before it the scales
  std::size_t n = 0, k = 0;
  std::size_t tile_rows = 8;
  weight_format format = weight_format::f32;
};

/// Weights W[n,k] of one matrix in the layout that a level's kernels want. Takes about as many bytes as the file's rows
/// (K-quants up to 4 % more, kernels/README.md). Movable. Filling is parallel by rows; after that it is read-only, any thread.
class packed_matrix {
public:
  packed_matrix() = default;

  /// Why this shape cannot be packed, or "" when it can. Pure.
  static std::string check(weight_format format, std::size_t n, std::size_t k);

  /// Bytes that a matrix takes, a multiple of 64. REQUIRES: check() found nothing.
  static std::size_t bytes_of(cpu_level level, weight_format format, std::size_t n, std::size_t k);

  /// Allocates; rows are zero until packed. REQUIRES: check() found nothing. `allocated()` tells about memory.
  packed_matrix(cpu_level level, weight_format format, std::size_t n, std::size_t k);
  /// Lies in the caller's zeroed memory of bytes_of() bytes, 64-byte aligned, which outlives it. Matrices that follow
  /// one another in one aligned_buffer share its huge pages.
  packed_matrix(cpu_level level, weight_format format, std::size_t n, std::size_t k, std::byte* memory);
  bool allocated() const { return view_.data != nullptr || view_.n == 0; }

  /// Repacks rows [n_begin, n_end); `src` is row n_begin as the file stores it, `src_stride` the bytes from a row to
  /// the next. REQUIRES: n_begin a multiple of tile_rows(), n_end too unless it is n. Disjoint ranges may run at once.
  void pack(const std::byte* src, std::size_t src_stride, std::size_t n_begin, std::size_t n_end);

  /// Row `n` back as f32, bit for bit what dequantize_row gives of the source: tied embeddings need one copy only.
  void unpack_row(std::size_t n, float* out) const;

  cpu_level level() const { return level_; }
  weight_format format() const { return view_.format; }
  std::size_t n() const { return view_.n; }
  std::size_t k() const { return view_.k; }
  /// Output rows that are interleaved in a tile; pack() splits and good column ranges are multiples of it.
  std::size_t tile_rows() const { return view_.tile_rows; }
  std::size_t tiles() const { return (view_.n + view_.tile_rows - 1) / view_.tile_rows; }
  std::size_t bytes() const { return tiles() * view_.tile_bytes; }
  const packed_view& view() const { return view_; }

private:
  aligned_buffer storage_; ///< empty when the memory is the caller's
  std::byte* data_ = nullptr;
  packed_view view_;
  cpu_level level_ = cpu_level::reference;
};

/// True when matmul of this format reads quantized_rows, false when it reads f32 rows.
bool wants_quantized(weight_format format);

/// x of a matmul: f32 rows with stride `ld`, or the same rows quantised, as wants_quantized says.
struct matmul_input {
  const float* f32 = nullptr;
  std::size_t ld = 0;
  quantized_rows q8;
};

/// y[t,n] for t in [row_begin, row_end) and n in [n_begin, n_end), any ranges; y is [T, ldy] and indexed by the same t
/// and n. Nothing outside the ranges is written. Any thread; disjoint ranges may run at once.
void matmul(const packed_matrix& w, const matmul_input& x, std::size_t row_begin, std::size_t row_end,
            std::size_t n_begin, std::size_t n_end, float* y, std::size_t ldy);

} // namespace tokamak::kernels
