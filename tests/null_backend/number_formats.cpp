// Conversions written for clarity, independent of the kernels they are used to check.
#include "null_backend/number_formats.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace tokamak::test {

namespace {

struct layout {
  std::uint64_t elements;
  std::uint64_t bytes;
};

layout layout_of(tk_format format) {
  switch (format) {
    case TK_F32: return {1, 4};
    case TK_F16:
    case TK_BF16: return {1, 2};
    case TK_Q8_0: return {32, 34};
    case TK_Q4_0: return {32, 18};
    case TK_Q4_1: return {32, 20};
    default: return {0, 0};
  }
}

float read_half(const std::uint8_t* from) {
  std::uint16_t half;
  std::memcpy(&half, from, 2);
  return half_to_float(half);
}

void put_half(std::string& out, float value) {
  const auto half = float_to_half(value);
  out.append(reinterpret_cast<const char*>(&half), 2);
}

/// One block of 32 (or one plain element) at `from` to `to`.
void dequantize_block(tk_format format, const std::uint8_t* from, float* to) {
  switch (format) {
    case TK_F32: std::memcpy(to, from, 4); return;
    case TK_F16: *to = read_half(from); return;
    case TK_BF16: *to = std::bit_cast<float>(static_cast<std::uint32_t>(from[0] << 16 | from[1] << 24)); return;
    case TK_Q8_0:
      for (int i = 0; i < 32; ++i)
        to[i] = read_half(from) * static_cast<float>(static_cast<std::int8_t>(from[2 + i]));
      return;
    case TK_Q4_0:
      for (int i = 0; i < 32; ++i)
        to[i] = read_half(from) * static_cast<float>((i < 16 ? from[2 + i] & 15 : from[2 + i - 16] >> 4) - 8);
      return;
    default: // TK_Q4_1
      for (int i = 0; i < 32; ++i)
        to[i] = read_half(from) * static_cast<float>(i < 16 ? from[4 + i] & 15 : from[4 + i - 16] >> 4) +
                read_half(from + 2);
  }
}

/// 32 values as nibbles of (value - low) / step.
void put_nibbles(std::string& out, const float* values, float low, float step) {
  const auto nibble = [&](float value) {
    return step == 0 ? 0 : std::clamp(static_cast<int>(std::lround((value - low) / step)), 0, 15);
  };
  for (int i = 0; i < 16; ++i)
    out.push_back(static_cast<char>(nibble(values[i]) | nibble(values[i + 16]) << 4));
}

void quantize_block(tk_format format, const float* v, std::string& out) {
  const auto [low, high] = std::minmax_element(v, v + 32);
  const float magnitude = std::max(-*low, *high);
  if (format == TK_Q8_0) {
    const float step = half_to_float(float_to_half(magnitude / 127));
    put_half(out, step);
    for (int i = 0; i < 32; ++i)
      out.push_back(static_cast<char>(step == 0 ? 0 : std::clamp(static_cast<int>(std::lround(v[i] / step)), -127, 127)));
  } else if (format == TK_Q4_0) {
    const float step = half_to_float(float_to_half(magnitude / 7));
    put_half(out, step);
    put_nibbles(out, v, -8 * step, step);
  } else {
    const float step = half_to_float(float_to_half((*high - *low) / 15));
    put_half(out, step);
    put_half(out, *low);
    put_nibbles(out, v, half_to_float(float_to_half(*low)), step);
  }
}

} // namespace

float half_to_float(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const float sign = (half & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 31)
    return fraction != 0 ? std::nanf("") : sign * INFINITY;
  if (exponent == 0)
    return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

std::uint16_t float_to_half(float value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value))
    return static_cast<std::uint16_t>(sign | 0x7e00);
  const float magnitude = std::fabs(value);
  if (magnitude >= 65520.0F) // rounds past the largest finite half, 65504
    return static_cast<std::uint16_t>(sign | 0x7c00);
  if (magnitude < 0x1p-14F) // subnormal: a multiple of 2^-24
    return static_cast<std::uint16_t>(sign | static_cast<int>(std::nearbyint(std::ldexp(magnitude, 24))));
  int exponent = 0;
  const float fraction = std::frexp(magnitude, &exponent);                         // 0.5 <= fraction < 1
  const int rounded = static_cast<int>(std::nearbyint(std::ldexp(fraction, 11))); // 1024 ... 2048
  return static_cast<std::uint16_t>(sign | (((exponent + 14) << 10) + rounded - 1024)); // a carry moves the exponent
}

bool known_format(tk_format format) { return layout_of(format).elements != 0; }

std::uint64_t bytes_of_format(tk_format format, std::uint64_t n) {
  const auto layout = layout_of(format);
  return layout.elements == 0 || n % layout.elements != 0 ? 0 : n / layout.elements * layout.bytes;
}

std::vector<float> dequantize(tk_format format, const void* data, std::uint64_t n) {
  const auto layout = layout_of(format);
  std::vector<float> values(n);
  for (std::uint64_t i = 0; i < n; i += layout.elements)
    dequantize_block(format, static_cast<const std::uint8_t*>(data) + i / layout.elements * layout.bytes,
                     values.data() + i);
  return values;
}

std::string quantize(tk_format format, const std::vector<float>& values) {
  std::string out;
  if (format == TK_F32) {
    out.assign(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  } else if (format == TK_F16) {
    for (const float value : values)
      put_half(out, value);
  } else if (format == TK_BF16) {
    for (const float value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(value) + 0x8000; // rounds halves up in magnitude
      out.push_back(static_cast<char>(bits >> 16 & 255));
      out.push_back(static_cast<char>(bits >> 24));
    }
  } else {
    for (std::size_t i = 0; i < values.size(); i += 32)
      quantize_block(format, values.data() + i, out);
  }
  return out;
}

} // namespace tokamak::test
