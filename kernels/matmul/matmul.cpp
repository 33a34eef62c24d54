// Sends quantize_rows and matmul to the level's version.
#include <algorithm>

#include "matmul/layout.hpp"

namespace tokamak::kernels {

bool wants_quantized(weight_format format) { return block_weights(format) > 1; }

std::size_t quantized_bytes(std::size_t rows, std::size_t k) {
  const std::size_t group = std::min(rows, quantized_rows::largest_group);
  return rows == 0 ? 0 : (rows + group - 1) / group * group * (k / matmul_detail::block) * quantized_rows::row_bytes;
}

quantized_rows quantized_view(void* memory, std::size_t rows, std::size_t k) {
  return {static_cast<std::byte*>(memory), rows, k, std::clamp<std::size_t>(rows, 1, quantized_rows::largest_group)};
}

void quantize_rows(cpu_level level, const float* x, std::size_t ldx, std::size_t row_begin, std::size_t row_end,
                   const quantized_rows& out) {
#if defined(TOKAMAK_KERNELS_X86)
  if (level == cpu_level::avx512) return matmul_detail::quantize_rows_avx512(x, ldx, row_begin, row_end, out);
  if (level == cpu_level::avx2) return matmul_detail::quantize_rows_avx2(x, ldx, row_begin, row_end, out);
#endif
  (void)level;
  matmul_detail::quantize_rows_reference(x, ldx, row_begin, row_end, out);
}

void matmul(const packed_matrix& w, const matmul_input& x, std::size_t row_begin, std::size_t row_end,
            std::size_t n_begin, std::size_t n_end, float* y, std::size_t ldy) {
  if (row_begin >= row_end || n_begin >= n_end) return;
  const matmul_detail::output_range range{row_begin, row_end, n_begin, n_end, y, ldy};
#if defined(TOKAMAK_KERNELS_X86)
  if (w.level() == cpu_level::avx512) {
    if (wants_quantized(w.format())) return matmul_detail::matmul_codes_avx512(w.view(), x.q8, range);
    return matmul_detail::matmul_floats_avx512(w.view(), x.f32, x.ld, range);
  }
  if (w.level() == cpu_level::avx2) {
    if (wants_quantized(w.format())) return matmul_detail::matmul_codes_avx2(w.view(), x.q8, range);
    return matmul_detail::matmul_floats_avx2(w.view(), x.f32, x.ld, range);
  }
#endif
  matmul_detail::matmul_reference(w.view(), x, range);
}

} // namespace tokamak::kernels
