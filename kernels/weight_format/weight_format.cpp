// Names and sizes of weight formats and their exact conversion to f32 (embedding lookup; the meaning of every packed
// layout).
#include "tokamak/kernels/weight_format.hpp"

#include <bit>
#include <cstring>
#include <iterator>

#include "weight_format/block_codes.hpp"

namespace tokamak::kernels {

namespace {

struct traits {
  weight_format format;
  const char* name;
  std::uint32_t gguf_type;
  std::size_t block_weights, block_bytes;
};

// In the order of the enumeration.
constexpr traits all_traits[] = {
    {weight_format::f32, "f32", 0, 1, 4},        {weight_format::f16, "f16", 1, 1, 2},
    {weight_format::bf16, "bf16", 30, 1, 2},     {weight_format::q8_0, "q8_0", 8, 32, 34},
    {weight_format::q4_0, "q4_0", 2, 32, 18},    {weight_format::q4_1, "q4_1", 3, 32, 20},
    {weight_format::q5_0, "q5_0", 6, 32, 22},    {weight_format::q5_1, "q5_1", 7, 32, 24},
    {weight_format::iq4_nl, "iq4_nl", 20, 32, 18}, {weight_format::q2_k, "q2_k", 10, 256, 84},
    {weight_format::q3_k, "q3_k", 11, 256, 110}, {weight_format::q4_k, "q4_k", 12, 256, 144},
    {weight_format::q5_k, "q5_k", 13, 256, 176}, {weight_format::q6_k, "q6_k", 14, 256, 210},
};
static_assert(std::size(all_traits) == weight_formats);

constexpr bool in_order() {
  for (std::size_t i = 0; i < weight_formats; ++i)
    if (static_cast<std::size_t>(all_traits[i].format) != i) return false;
  return true;
}
static_assert(in_order());

const traits& about(weight_format format) { return all_traits[static_cast<std::size_t>(format)]; }

std::uint16_t load16(const std::byte* from) {
  std::uint16_t value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

} // namespace

const char* format_name(weight_format format) { return about(format).name; }

std::uint32_t gguf_type(weight_format format) { return about(format).gguf_type; }

std::optional<weight_format> format_of_gguf_type(std::uint32_t type) {
  for (const traits& each : all_traits)
    if (each.gguf_type == type) return each.format;
  return std::nullopt;
}

const char* gguf_type_name(std::uint32_t type) {
  static constexpr const char* names[] = {
      "F32",      "F16",      "Q4_0",     "Q4_1",       "Q4_2",       "Q4_3",       "Q5_0",  "Q5_1", "Q8_0",
      "Q8_1",     "Q2_K",     "Q3_K",     "Q4_K",       "Q5_K",       "Q6_K",       "Q8_K",  "IQ2_XXS", "IQ2_XS",
      "IQ3_XXS",  "IQ1_S",    "IQ4_NL",   "IQ3_S",      "IQ2_S",      "IQ4_XS",     "I8",    "I16",  "I32",
      "I64",      "F64",      "IQ1_M",    "BF16",       "Q4_0_4_4",   "Q4_0_4_8",   "Q4_0_8_8", "TQ1_0", "TQ2_0",
      "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4", "NVFP4", "Q1_0"};
  return type < std::size(names) ? names[type] : "unknown";
}

std::size_t block_weights(weight_format format) { return about(format).block_weights; }

std::size_t block_bytes(weight_format format) { return about(format).block_bytes; }

std::size_t row_bytes(weight_format format, std::size_t k) {
  return k / block_weights(format) * block_bytes(format);
}

void dequantize_row(weight_format format, const std::byte* row, std::size_t k, float* out) {
  switch (format) {
    case weight_format::f32: std::memcpy(out, row, k * sizeof(float)); return;
    case weight_format::f16:
      for (std::size_t i = 0; i < k; ++i) out[i] = f16_to_f32(load16(row + 2 * i));
      return;
    case weight_format::bf16:
      for (std::size_t i = 0; i < k; ++i)
        out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(load16(row + 2 * i)) << 16);
      return;
    default: break;
  }
  const std::size_t weights = block_weights(format), bytes = block_bytes(format);
  block_codes codes;
  for (std::size_t i = 0; i < k; i += weights, row += bytes) {
    open_block(format, row, codes);
    block_values(format, codes, out + i);
  }
}

} // namespace tokamak::kernels
