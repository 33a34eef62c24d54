// Weight formats of GGUF files and their exact conversion to f32.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tokamak::kernels {

/// Block formats hold 32 consecutive weights of one row (ggml's block_q8_0, block_q4_0, block_q4_1):
/// q8_0 = f16 d, 32 x int8, w = d*q; q4_0 = f16 d, 32 nibbles, w = d*(q-8); q4_1 = f16 d, f16 m, 32 nibbles,
/// w = d*q + m. Nibble byte i holds element i in its low half and element i+16 in its high half.
enum class weight_format : std::uint8_t { f32, f16, bf16, q8_0, q4_0, q4_1 };

/// "f32", "q4_1", ...
const char* format_name(weight_format format);

/// Weights in one indivisible block (1 or 32) and the bytes it takes in a file.
std::size_t block_weights(weight_format format);
std::size_t block_bytes(weight_format format);

/// Bytes of a row of `k` weights as the file stores it. REQUIRES: k is a multiple of block_weights.
std::size_t row_bytes(weight_format format, std::size_t k);

/// row[k weights] -> out[k], bit for bit as the format says. REQUIRES: k is a multiple of block_weights. Any thread.
void dequantize_row(weight_format format, const std::byte* row, std::size_t k, float* out);

/// IEEE half precision to and from f32; to f16 rounds to nearest even, overflows to infinity, keeps NaN. They give the
/// bits of the F16C instructions.
float f16_to_f32(std::uint16_t half);
std::uint16_t f32_to_f16(float value);

} // namespace tokamak::kernels
