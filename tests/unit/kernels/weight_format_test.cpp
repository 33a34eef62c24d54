// Half precision and the exact meaning of weight blocks, on hand-made bytes.
#include <bit>

#include "test_data.hpp"

using namespace kernel_test;

namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::vector<float> dequantized(weight_format format, const std::vector<std::byte>& row, std::size_t k) {
  std::vector<float> out(k, -1);
  dequantize_row(format, row.data(), k, out.data());
  return out;
}

} // namespace

TEST_CASE("every half goes to f32 and back to the same bits") {
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    const float value = f16_to_f32(static_cast<std::uint16_t>(half));
    const bool is_nan = (half & 0x7c00) == 0x7c00 && (half & 0x3ff) != 0;
    REQUIRE(std::isnan(value) == is_nan);
    const std::uint32_t expected = is_nan ? half | 0x200 : half;
    REQUIRE(f32_to_f16(value) == expected);
  }
}

TEST_CASE("f32 to half rounds to nearest even, overflows to infinity and keeps subnormals") {
  CHECK(f32_to_f16(1.0f) == 0x3c00);
  CHECK(f32_to_f16(1.0f + 0x1p-11f) == 0x3c00);           // half way, down to even
  CHECK(f32_to_f16(1.0f + 0x1p-10f + 0x1p-11f) == 0x3c02); // half way, up to even
  CHECK(f32_to_f16(1.0f + 0x1.01p-11f) == 0x3c01);
  CHECK(f32_to_f16(65519.0f) == 0x7bff);
  CHECK(f32_to_f16(-65520.0f) == 0xfc00);
  CHECK(f32_to_f16(0x1p-24f) == 1);
  CHECK(f32_to_f16(0x1p-25f) == 0);
  CHECK(f32_to_f16(0x1.8p-24f) == 2);
  CHECK(f32_to_f16(0x1.ff8p-15f) == 0x03ff);
  CHECK(f32_to_f16(-0.0f) == 0x8000);
}

TEST_CASE("blocks mean what ggml says") {
  // d = 0.5 (0x3800), m = -1 (0xbc00)
  std::vector<std::byte> q8 = bytes_of({0x00, 0x38, 0x80, 0x7f, 0xff});
  q8.resize(34);
  CHECK(dequantized(weight_format::q8_0, q8, 32)[0] == -64.0f);
  CHECK(dequantized(weight_format::q8_0, q8, 32)[1] == 63.5f);
  CHECK(dequantized(weight_format::q8_0, q8, 32)[2] == -0.5f);
  CHECK(dequantized(weight_format::q8_0, q8, 32)[31] == 0.0f);

  std::vector<std::byte> q40 = bytes_of({0x00, 0x38, 0xf3});
  q40.resize(18);
  CHECK(dequantized(weight_format::q4_0, q40, 32)[0] == -2.5f);
  CHECK(dequantized(weight_format::q4_0, q40, 32)[16] == 3.5f);
  CHECK(dequantized(weight_format::q4_0, q40, 32)[1] == -4.0f);

  std::vector<std::byte> q41 = bytes_of({0x00, 0x38, 0x00, 0xbc, 0xf3});
  q41.resize(20);
  CHECK(dequantized(weight_format::q4_1, q41, 32)[0] == 0.5f);
  CHECK(dequantized(weight_format::q4_1, q41, 32)[16] == 6.5f);
  CHECK(dequantized(weight_format::q4_1, q41, 32)[17] == -1.0f);

  CHECK(dequantized(weight_format::bf16, bytes_of({0x80, 0x3f, 0x20, 0xc1}), 2) == std::vector<float>{1.0f, -10.0f});
  CHECK(dequantized(weight_format::f16, bytes_of({0x00, 0x3c, 0x00, 0xfc}), 2) == std::vector<float>{1.0f, -INFINITY});
}

TEST_CASE("rows have the sizes of the file format") {
  CHECK(row_bytes(weight_format::f32, 3) == 12);
  CHECK(row_bytes(weight_format::bf16, 3) == 6);
  CHECK(row_bytes(weight_format::q8_0, 64) == 68);
  CHECK(row_bytes(weight_format::q4_0, 64) == 36);
  CHECK(row_bytes(weight_format::q4_1, 576) == 360);
}
