// kv_write: rounds eight values at once, then scatters K to its transposed place.
#include "avx2/vector_math.hpp"
#include "kv_block/layout.hpp"

namespace tokamak::kernels::kv_detail {

namespace {

constexpr std::size_t lane_count = 8;

// n floats from x as halves, `stride` elements apart.
void scatter_f16(const float* x, std::size_t n, std::uint16_t* out, std::size_t stride) {
  for (std::size_t i = 0; i < n; i += lane_count) {
    const std::size_t count = n - i < lane_count ? n - i : lane_count;
    const __m128i halves = _mm256_cvtps_ph(_mm256_maskload_ps(x + i, lanes(count)), _MM_FROUND_TO_NEAREST_INT);
    std::uint16_t one[lane_count];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(one), halves);
    if (stride == 1) {
      __builtin_memcpy(out + i, one, count * sizeof(std::uint16_t));
    } else {
      for (std::size_t j = 0; j < count; ++j) out[(i + j) * stride] = one[j];
    }
  }
}

} // namespace

void write_avx2(const kv_strides& at, kv_type type, std::byte* block, std::uint32_t token, const kv_part& part) {
  if (type != kv_type::f16) return write_reference(at, type, block, token, part);
  auto* const halves = reinterpret_cast<std::uint16_t*>(block);
  scatter_f16(part.k, part.k_count, halves + token / lane_count * at.k_group + part.k_begin * lane_count + token % lane_count, lane_count);
  scatter_f16(part.v, part.v_count, halves + at.v_at + token * at.v_token + part.v_begin, 1);
}

} // namespace tokamak::kernels::kv_detail
