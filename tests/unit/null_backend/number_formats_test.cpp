// Element formats by their definitions.
#include "null_backend/number_formats.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace tokamak::test;

TEST_CASE("every half converts to float and back") {
  CHECK(half_to_float(0x3c00) == 1.0F);
  CHECK(half_to_float(0xc000) == -2.0F);
  CHECK(half_to_float(0x0001) == 0x1p-24F);
  CHECK(half_to_float(0x7bff) == 65504.0F);
  CHECK(std::isinf(half_to_float(0xfc00)));
  std::size_t wrong = 0;
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    const float value = half_to_float(static_cast<std::uint16_t>(half));
    if (!std::isnan(value) && float_to_half(value) != half)
      ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("floats round to the nearest half, ties to even") {
  CHECK(float_to_half(1.0F + 0x1p-11F) == 0x3c00);           // halfway, even below
  CHECK(float_to_half(1.0F + 3 * 0x1p-11F) == 0x3c02);       // halfway, even above
  CHECK(float_to_half(1.0F + 0x1.002p-11F) == 0x3c01);
  CHECK(float_to_half(1.9999F) == 0x4000);                   // carries into the exponent
  CHECK(float_to_half(65519.0F) == 0x7bff);
  CHECK(float_to_half(65520.0F) == 0x7c00);
  CHECK(float_to_half(0x1p-25F) == 0);
  CHECK(float_to_half(-0x1.8p-25F) == 0x8001);
  CHECK(float_to_half(0x1.ffcp-15F + 0x1p-26F) == 0x0400);   // the largest subnormal rounds to the least normal
}

TEST_CASE("block formats hold what their definition says") {
  std::string q8;
  q8.append("\x00\x38", 2); // 0.5
  for (int i = 0; i < 32; ++i)
    q8.push_back(static_cast<char>(i - 16));
  const auto eights = dequantize(TK_Q8_0, q8.data(), 32);
  CHECK(eights[0] == -8.0F);
  CHECK(eights[31] == 7.5F);

  std::string q4_0("\x00\x3c", 2), q4_1("\x00\x3c\x00\x40", 4); // scale 1; scale 1 and minimum 2
  for (int i = 0; i < 16; ++i) {
    q4_0.push_back(static_cast<char>(i | (15 - i) << 4));
    q4_1.push_back(static_cast<char>(i | (15 - i) << 4));
  }
  const auto fours = dequantize(TK_Q4_0, q4_0.data(), 32), fours_1 = dequantize(TK_Q4_1, q4_1.data(), 32);
  CHECK(fours[0] == -8.0F);
  CHECK(fours[15] == 7.0F);
  CHECK(fours[16] == 7.0F);
  CHECK(fours_1[0] == 2.0F);
  CHECK(fours_1[16] == 17.0F);
  CHECK(dequantize(TK_BF16, "\x80\x3f", 1)[0] == 1.0F);
}

TEST_CASE("quantising and dequantising stays within half a step") {
  std::vector<float> values(64);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<float>(i) * 0.7F) * (i < 32 ? 1.0F : 0.0F);
  for (const auto& [format, bound] :
       {std::pair<tk_format, float>{TK_F32, 0.0F}, {TK_F16, 3e-4F}, {TK_BF16, 4e-3F}, {TK_Q8_0, 5e-3F}, {TK_Q4_0, 0.08F},
        {TK_Q4_1, 0.08F}}) {
    const auto packed = quantize(format, values);
    CHECK(packed.size() == bytes_of_format(format, 64));
    const auto back = dequantize(format, packed.data(), 64);
    for (std::size_t i = 0; i < values.size(); ++i)
      CHECK(std::abs(back[i] - values[i]) <= bound);
  }
}

TEST_CASE("unknown formats and broken blocks have no size") {
  CHECK(bytes_of_format(12, 256) == 0);
  CHECK(bytes_of_format(TK_Q8_0, 33) == 0);
  CHECK(!known_format(12));
}
