// Weight formats of GGUF files and their exact conversion to f32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace tokamak::kernels {

/// The names are ggml's. Plain formats have blocks of one weight; q4_0 ... q8_0 and iq4_nl have blocks of 32
/// consecutive weights of a row with f16 scales; q2_k ... q6_k ("K-quants") have blocks of 256 whose 8 or 16 sub-blocks
/// have small integer scales, times one or two f16 factors. weight_format/block_codes.hpp says which bit is what.
enum class weight_format : std::uint8_t {
  f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, iq4_nl, q2_k, q3_k, q4_k, q5_k, q6_k
};

/// Number of formats; they are 0 ... weight_formats - 1.
inline constexpr std::size_t weight_formats = 14;

/// "f32", "q4_1", ...
const char* format_name(weight_format format);

/// The tensor type of GGUF files that means this format, and back: nothing for a type without kernels.
std::uint32_t gguf_type(weight_format format);
std::optional<weight_format> format_of_gguf_type(std::uint32_t type);

/// ggml's name of a tensor type, those without kernels included: "IQ2_XXS"; "unknown" for a number it never gave.
const char* gguf_type_name(std::uint32_t type);

/// Weights in one indivisible block (1, 32 or 256) and the bytes it takes in a file.
std::size_t block_weights(weight_format format);
std::size_t block_bytes(weight_format format);

/// Bytes of a row of `k` weights as the file stores it. REQUIRES: k is a multiple of block_weights.
std::size_t row_bytes(weight_format format, std::size_t k);

/// row[k weights] -> out[k], bit for bit as the Python package `gguf` (0.19) converts: one rounding an operation, in its
/// order. Any bytes are fine, infinite and NaN scales too. REQUIRES: k is a multiple of block_weights. Any thread.
void dequantize_row(weight_format format, const std::byte* row, std::size_t k, float* out);

/// IEEE half precision to and from f32; to f16 rounds to nearest even, overflows to infinity, keeps NaN. They give the
/// bits of the F16C instructions.
float f16_to_f32(std::uint16_t half);
std::uint16_t f32_to_f16(float value);

} // namespace tokamak::kernels
