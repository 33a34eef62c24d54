// Half precision and the exact meaning of weight blocks: hand-made bytes, and blocks with what the Python package `gguf`
// makes of them (gguf_blocks.py).
#include <bit>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

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

// One format's part of gguf_blocks.bin.
struct reference_blocks {
  std::uint32_t type = 0, count = 0, bytes = 0, weights = 0;
  std::vector<std::byte> blocks;
  std::vector<float> floats;
};

std::vector<reference_blocks> read_reference() {
  std::ifstream file(TOKAMAK_GGUF_BLOCKS, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  std::vector<reference_blocks> all;
  std::size_t at = 0;
  const auto take = [&](void* to, std::size_t bytes) {
    REQUIRE(content.size() - at >= bytes);
    std::memcpy(to, content.data() + at, bytes);
    at += bytes;
  };
  while (at < content.size()) {
    reference_blocks& next = all.emplace_back();
    take(&next, 16);
    next.blocks.resize(std::size_t{next.count} * next.bytes);
    next.floats.resize(std::size_t{next.count} * next.weights);
    take(next.blocks.data(), next.blocks.size());
    take(next.floats.data(), next.floats.size() * sizeof(float));
  }
  return all;
}

} // namespace

TEST_CASE("every format has the sizes and, bit for bit, the values that the gguf package gives") {
  std::set<std::uint32_t> types;
  for (const reference_blocks& given : read_reference()) {
    const auto format = format_of_gguf_type(given.type);
    CAPTURE(given.type);
    REQUIRE(format.has_value());
    types.insert(given.type);
    CHECK(gguf_type(*format) == given.type);
    CHECK(block_bytes(*format) == given.bytes);
    CHECK(block_weights(*format) == given.weights);
    for (std::size_t i = 0; i < given.count; ++i) {
      const float* const expected = given.floats.data() + i * given.weights;
      std::vector<float> got(given.weights, -1);
      dequantize_row(*format, given.blocks.data() + i * given.bytes, given.weights, got.data());
      CAPTURE(i);
      REQUIRE(same_bits(got, std::vector<float>(expected, expected + given.weights)));
    }
  }
  CHECK(types.size() == weight_formats);
}

TEST_CASE("any bytes can be dequantised: infinite and NaN factors give what arithmetic gives") {
  test_data data;
  for (const weight_format format : all_formats()) {
    std::vector<std::byte> block(block_bytes(format));
    std::vector<float> out(block_weights(format));
    for (int round = 0; round < 200; ++round) {
      for (std::byte& byte : block) byte = static_cast<std::byte>(data.below(256));
      if (block_weights(format) > 1) {
        const std::uint16_t special[] = {0x7c00, 0xfc00, 0x7e00, 0x7c01};
        std::memcpy(block.data() + factors_of(format).at, &special[round % 4], 2);
      }
      dequantize_row(format, block.data(), out.size(), out.data());
      if (block_weights(format) == 1) continue;
      for (const float value : out) REQUIRE(!std::isfinite(value));
    }
  }
}

TEST_CASE("formats have names, and tensor types without kernels have no format") {
  CHECK(std::string(format_name(weight_format::q6_k)) == "q6_k");
  CHECK(std::string(format_name(weight_format::iq4_nl)) == "iq4_nl");
  CHECK(format_of_gguf_type(12) == weight_format::q4_k);
  CHECK(!format_of_gguf_type(4).has_value());
  CHECK(!format_of_gguf_type(16).has_value()); // IQ2_XXS
}

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
