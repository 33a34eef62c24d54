// Element formats that the reference backend reads: to f32 exactly as GGUF defines them, and back for tests.
#pragma once

#include <tokamak/plugin.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tokamak::test {

float half_to_float(std::uint16_t half);
/// Rounds to nearest even.
std::uint16_t float_to_half(float value);

/// True for F32, F16, BF16, Q8_0, Q4_0 and Q4_1.
bool known_format(tk_format format);
/// Bytes of n consecutive elements; 0 if the format is not known or n is no multiple of its block.
std::uint64_t bytes_of_format(tk_format format, std::uint64_t n);
/// n elements to f32. REQUIRES: bytes_of_format(format, n) > 0.
std::vector<float> dequantize(tk_format format, const void* data, std::uint64_t n);
/// n values to the format, rounding as a simple quantiser does. Same requirement.
std::string quantize(tk_format format, const std::vector<float>& values);

} // namespace tokamak::test
