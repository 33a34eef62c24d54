// Sizes of weight formats and their exact conversion to f32 (embedding lookup; the meaning of every packed layout).
#include "tokamak/kernels/weight_format.hpp"

#include <bit>
#include <cstring>

namespace tokamak::kernels {

namespace {

constexpr std::size_t block = 32;

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

float load_f16(const std::byte* from) { return f16_to_f32(load<std::uint16_t>(from)); }

void q8_0_block(const std::byte* b, float* out) {
  const float d = load_f16(b);
  for (std::size_t i = 0; i < block; ++i) out[i] = d * static_cast<float>(load<std::int8_t>(b + 2 + i));
}

void q4_0_block(const std::byte* b, float* out) {
  const float d = load_f16(b);
  for (std::size_t i = 0; i < block / 2; ++i) {
    const int pair = std::to_integer<int>(b[2 + i]);
    out[i] = d * static_cast<float>((pair & 15) - 8);
    out[i + block / 2] = d * static_cast<float>((pair >> 4) - 8);
  }
}

void q4_1_block(const std::byte* b, float* out) {
  const float d = load_f16(b), m = load_f16(b + 2);
  for (std::size_t i = 0; i < block / 2; ++i) {
    const int pair = std::to_integer<int>(b[4 + i]);
    out[i] = d * static_cast<float>(pair & 15) + m;
    out[i + block / 2] = d * static_cast<float>(pair >> 4) + m;
  }
}

} // namespace

const char* format_name(weight_format format) {
  switch (format) {
    case weight_format::f32: return "f32";
    case weight_format::f16: return "f16";
    case weight_format::bf16: return "bf16";
    case weight_format::q8_0: return "q8_0";
    case weight_format::q4_0: return "q4_0";
    case weight_format::q4_1: return "q4_1";
  }
  return "unknown";
}

std::size_t block_weights(weight_format format) {
  switch (format) {
    case weight_format::f32:
    case weight_format::f16:
    case weight_format::bf16: return 1;
    default: return block;
  }
}

std::size_t block_bytes(weight_format format) {
  switch (format) {
    case weight_format::f32: return 4;
    case weight_format::f16:
    case weight_format::bf16: return 2;
    case weight_format::q8_0: return 34;
    case weight_format::q4_0: return 18;
    case weight_format::q4_1: return 20;
  }
  return 0;
}

std::size_t row_bytes(weight_format format, std::size_t k) {
  return k / block_weights(format) * block_bytes(format);
}

void dequantize_row(weight_format format, const std::byte* row, std::size_t k, float* out) {
  switch (format) {
    case weight_format::f32: std::memcpy(out, row, k * sizeof(float)); return;
    case weight_format::f16:
      for (std::size_t i = 0; i < k; ++i) out[i] = load_f16(row + 2 * i);
      return;
    case weight_format::bf16:
      for (std::size_t i = 0; i < k; ++i)
        out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint16_t>(row + 2 * i)) << 16);
      return;
    default: break;
  }
  const auto one_block = format == weight_format::q8_0   ? q8_0_block
                         : format == weight_format::q4_0 ? q4_0_block
                                                         : q4_1_block;
  for (std::size_t i = 0; i < k; i += block, row += block_bytes(format)) one_block(row, out + i);
}

} // namespace tokamak::kernels
