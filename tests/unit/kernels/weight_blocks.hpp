// Random blocks of any weight format, with factors that give weights of a wanted size.
#pragma once

#include "tokamak/kernels/weight_format.hpp"

#include <cstring>
#include <random>
#include <vector>

namespace kernel_test {

using tokamak::kernels::weight_format;

inline std::vector<weight_format> all_formats() {
  std::vector<weight_format> formats;
  for (std::size_t i = 0; i < tokamak::kernels::weight_formats; ++i) formats.push_back(static_cast<weight_format>(i));
  return formats;
}

/// What a block's f16 factors are: where d lies (m follows it), the largest |scale * code| that d multiplies, and the
/// largest minimum that m multiplies, 0 if there is no m.
struct block_factors {
  std::size_t at;
  float largest_code, largest_minimum;
};

inline block_factors factors_of(weight_format format) {
  switch (format) {
    case weight_format::q8_0:
    case weight_format::iq4_nl: return {0, 127, 0};
    case weight_format::q4_0: return {0, 8, 0};
    case weight_format::q5_0: return {0, 16, 0};
    case weight_format::q4_1: return {0, 15, 1};
    case weight_format::q5_1: return {0, 31, 1};
    case weight_format::q2_k: return {80, 15 * 3, 15};
    case weight_format::q3_k: return {108, 32 * 4, 0};
    case weight_format::q4_k: return {0, 63 * 15, 63};
    case weight_format::q5_k: return {0, 63 * 31, 63};
    case weight_format::q6_k: return {208, 128 * 32, 0};
    default: return {0, 0, 0};
  }
}

/// Fills `to` (block_bytes) with random bits, but factors so that |weights| are at most `size`, or 2 * `size` where
/// there is a minimum. A plain weight is `center` and at most `size` more or less.
inline void random_block(weight_format format, std::mt19937& random, float size, float center, std::byte* to) {
  using namespace tokamak::kernels;
  const auto put_f16 = [&](std::size_t at, float value) {
    const std::uint16_t half = f32_to_f16(value);
    std::memcpy(to + at, &half, sizeof(half));
  };
  const float value = center + std::uniform_real_distribution<float>(-size, size)(random);
  switch (format) {
    case weight_format::f32: std::memcpy(to, &value, 4); return;
    case weight_format::f16: put_f16(0, value); return;
    case weight_format::bf16: std::memcpy(to, reinterpret_cast<const std::byte*>(&value) + 2, 2); return;
    default: break;
  }
  for (std::size_t i = 0; i < block_bytes(format); ++i) to[i] = static_cast<std::byte>(random() & 255);
  const block_factors factors = factors_of(format);
  const auto factor = [&] { return size * std::uniform_real_distribution<float>(0.5f, 1)(random); };
  const float d = factor() * (factors.largest_minimum != 0 ? 2.0f : 1.0f);
  put_f16(factors.at, d / factors.largest_code);
  if (factors.largest_minimum == 0) return;
  // m is added where it is whole (q4_1, q5_1) and subtracted with its minima (K-quants).
  put_f16(factors.at + 2, factor() / factors.largest_minimum * (block_weights(format) == 32 ? -1.0f : 1.0f));
}

} // namespace kernel_test
