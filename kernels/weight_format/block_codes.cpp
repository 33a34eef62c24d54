// The bit order of every quantised format, as ggml's block structures define it, and what the codes are worth.
#include "weight_format/block_codes.hpp"

#include <cstring>

namespace tokamak::kernels {

const std::int8_t iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

namespace {

std::uint16_t load16(const std::uint8_t* from) { return static_cast<std::uint16_t>(from[0] | from[1] << 8); }

// 16 bytes -> 32 nibbles: byte i holds element i in its low half and element i + 16 in its high half.
void open_nibbles(const std::uint8_t* from, std::uint8_t* q) {
  for (int i = 0; i < 16; ++i) {
    q[i] = from[i] & 15;
    q[i + 16] = from[i] >> 4;
  }
}

// A fifth bit for 32 codes, bit i of 4 bytes for element i: a byte is spread over 8, each keeps its own bit, and what is
// not zero becomes 16.
void open_fifth_bits(const std::uint8_t* from, std::uint8_t* q) {
  constexpr std::uint64_t ones = 0x0101010101010101u, own_bit = 0x8040201008040201u;
  for (int byte = 0; byte < 4; ++byte, q += 8) {
    std::uint64_t codes;
    std::memcpy(&codes, q, 8);
    const std::uint64_t bits = from[byte] * ones & own_bit;
    codes |= ((bits + 127 * ones) >> 7 & ones) << 4;
    std::memcpy(q, &codes, 8);
  }
}

// 12 bytes -> 8 scales and 8 minima of 6 bits: the first four of each whole in bytes 0-3 and 4-7, whose upper two bits
// belong to the last four, whose lower four bits are in bytes 8-11.
void open_scales_6(const std::uint8_t* from, block_codes& codes) {
  for (int i = 0; i < 4; ++i) {
    codes.scale[i] = static_cast<std::int8_t>(from[i] & 63);
    codes.min[i] = from[4 + i] & 63;
    codes.scale[4 + i] = static_cast<std::int8_t>((from[8 + i] & 15) | (from[i] >> 6) << 4);
    codes.min[4 + i] = static_cast<std::uint8_t>((from[8 + i] >> 4) | (from[4 + i] >> 6) << 4);
  }
}

// 128 bytes -> 256 nibbles: each 32 bytes hold 32 elements in their low and the next 32 in their high halves.
void open_nibbles_64(const std::uint8_t* from, std::uint8_t* q) {
  for (int part = 0; part < 4; ++part, from += 32, q += 64)
    for (int i = 0; i < 32; ++i) {
      q[i] = from[i] & 15;
      q[32 + i] = from[i] >> 4;
    }
}

// 64 bytes -> 256 pairs of bits: each 32 bytes hold 4 x 32 elements, the lowest pair first; or-ed in at `shift`.
void open_pairs_128(const std::uint8_t* from, int shift, std::uint8_t* q) {
  for (int part = 0; part < 2; ++part, from += 32)
    for (int pair = 0; pair < 4; ++pair, q += 32)
      for (int i = 0; i < 32; ++i) q[i] = static_cast<std::uint8_t>(q[i] | (from[i] >> (2 * pair) & 3) << shift);
}

// 32 bytes -> 256 single bits: bit j of byte i belongs to element 32 j + i; or-ed in at `shift`.
void open_bits_256(const std::uint8_t* from, int shift, std::uint8_t* q) {
  for (int bit = 0; bit < 8; ++bit, q += 32)
    for (int i = 0; i < 32; ++i) q[i] = static_cast<std::uint8_t>(q[i] | (from[i] >> bit & 1) << shift);
}

void open_q2_k(const std::uint8_t* from, block_codes& codes) {
  for (int s = 0; s < 16; ++s) {
    codes.scale[s] = static_cast<std::int8_t>(from[s] & 15);
    codes.min[s] = from[s] >> 4;
  }
  std::memset(codes.q, 0, sizeof codes.q);
  open_pairs_128(from + 16, 0, codes.q);
  codes.d = load16(from + 80);
  codes.m = load16(from + 82);
}

// The scales' lower four bits lie in bytes 0-7, first all low halves; their upper two in bytes 8-11, first all lowest.
void open_q3_k(const std::uint8_t* from, block_codes& codes) {
  std::memset(codes.q, 0, sizeof codes.q);
  open_bits_256(from, 2, codes.q);
  open_pairs_128(from + 32, 0, codes.q);
  const std::uint8_t* const scales = from + 96;
  for (int s = 0; s < 16; ++s) {
    const int low = scales[s % 8] >> (4 * (s / 8)) & 15, high = scales[8 + s % 4] >> (2 * (s / 4)) & 3;
    codes.scale[s] = static_cast<std::int8_t>((low | high << 4) - 32);
  }
  codes.d = load16(from + 108);
}

// Two halves of 128: 64 bytes of nibbles (32 + 32 elements low, then the same bytes high), 32 bytes of upper pairs.
void open_q6_k(const std::uint8_t* from, block_codes& codes) {
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 64; ++i) {
      codes.q[128 * half + i] = from[64 * half + i] & 15;
      codes.q[128 * half + 64 + i] = from[64 * half + i] >> 4;
    }
  open_pairs_128(from + 128, 4, codes.q);
  std::memcpy(codes.scale, from + 192, 16);
  codes.d = load16(from + 208);
}

void open_q4_or_q5_k(const std::uint8_t* from, bool fifth_bits, block_codes& codes) {
  codes.d = load16(from);
  codes.m = load16(from + 2);
  open_scales_6(from + 4, codes);
  open_nibbles_64(from + (fifth_bits ? 48 : 16), codes.q);
  if (fifth_bits) open_bits_256(from + 16, 4, codes.q);
}

int value_of(const code_scheme& scheme, std::uint8_t code) {
  if (scheme.is_table) return iq4_nl_values[code];
  return scheme.bits == 8 ? static_cast<std::int8_t>(code) : code - scheme.offset;
}

} // namespace

code_scheme scheme_of(weight_format format) {
  using enum scale_kind;
  switch (format) {
    case weight_format::q8_0: return {8, per_32, 0};
    case weight_format::q4_0: return {4, per_32, 8};
    case weight_format::q4_1: return {4, per_32_min, 0};
    case weight_format::q5_0: return {5, per_32, 16};
    case weight_format::q5_1: return {5, per_32_min, 0};
    case weight_format::iq4_nl: return {4, per_32, 0, true};
    case weight_format::q2_k: return {2, super_16_min, 0};
    case weight_format::q3_k: return {3, super_16, 4};
    case weight_format::q4_k: return {4, super_32_min, 0};
    case weight_format::q5_k: return {5, super_32_min, 0};
    case weight_format::q6_k: return {6, super_16, 32};
    default: return {};
  }
}

void open_block(weight_format format, const std::byte* block, block_codes& codes) {
  const auto* from = reinterpret_cast<const std::uint8_t*>(block);
  switch (format) {
    case weight_format::q2_k: return open_q2_k(from, codes);
    case weight_format::q3_k: return open_q3_k(from, codes);
    case weight_format::q4_k: return open_q4_or_q5_k(from, false, codes);
    case weight_format::q5_k: return open_q4_or_q5_k(from, true, codes);
    case weight_format::q6_k: return open_q6_k(from, codes);
    default: break;
  }
  // d, then m if there is one, then fifth bits if there are, then nibbles or bytes
  const code_scheme scheme = scheme_of(format);
  codes.d = load16(from);
  from += 2;
  if (scheme.kind == scale_kind::per_32_min) {
    codes.m = load16(from);
    from += 2;
  }
  if (scheme.bits == 8) {
    std::memcpy(codes.q, from, 32);
    return;
  }
  open_nibbles(from + (scheme.bits == 5 ? 4 : 0), codes.q);
  if (scheme.bits == 5) open_fifth_bits(from, codes.q);
}

void block_values(weight_format format, const block_codes& codes, float* out) {
  const code_scheme scheme = scheme_of(format);
  const float d = f16_to_f32(codes.d), m = f16_to_f32(codes.m);
  const std::size_t weights = block_weights(format);
  for (std::size_t i = 0; i < weights; ++i) out[i] = static_cast<float>(value_of(scheme, codes.q[i]));
  switch (scheme.kind) {
    case scale_kind::per_32:
      for (std::size_t i = 0; i < weights; ++i) out[i] = d * out[i];
      return;
    case scale_kind::per_32_min:
      for (std::size_t i = 0; i < weights; ++i) out[i] = d * out[i] + m;
      return;
    case scale_kind::super_16:
      for (std::size_t i = 0; i < weights; ++i) out[i] = (d * static_cast<float>(codes.scale[i / 16])) * out[i];
      return;
    case scale_kind::super_32_min:
    case scale_kind::super_16_min: break;
  }
  const std::size_t shared = scheme.kind == scale_kind::super_32_min ? 32 : 16;
  for (std::size_t first = 0; first < weights; first += shared) {
    const float scale = d * static_cast<float>(codes.scale[first / shared]);
    const float minimum = m * static_cast<float>(codes.min[first / shared]);
    for (std::size_t i = first; i < first + shared; ++i) out[i] = scale * out[i] - minimum;
  }
}

} // namespace tokamak::kernels
