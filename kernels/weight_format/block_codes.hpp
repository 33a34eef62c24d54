// A block of a quantised format taken apart: codes, integer scales and f16 factors in natural order. Dequantising and
// packing both start here, so the bit order of each format stands in one place (block_codes.cpp).
//
// A block of 32 or 256 weights is, with s = i / (weights that share a scale):
//   per_32:        w[i] = d * value(q[i])                      q4_0, q5_0, q8_0, iq4_nl
//   per_32_min:    w[i] = d * q[i] + m                         q4_1, q5_1
//   super_32_min:  w[i] = (d * scale[s]) * q[i] - m * min[s]   q4_k, q5_k: 8 sub-blocks of 32
//   super_16:      w[i] = (d * scale[s]) * value(q[i])         q3_k, q6_k: 16 sub-blocks of 16
//   super_16_min:  w[i] = (d * scale[s]) * q[i] - m * min[s]   q2_k: 16 sub-blocks of 16
// where value(q) = q - offset, or for iq4_nl a table.
#pragma once

#include "tokamak/kernels/weight_format.hpp"

namespace tokamak::kernels {

enum class scale_kind : std::uint8_t { per_32, per_32_min, super_32_min, super_16, super_16_min };

/// What the codes of a format mean. Plain formats have none.
struct code_scheme {
  unsigned bits = 0; ///< of a code; 8 means int8, fewer are unsigned
  scale_kind kind = scale_kind::per_32;
  int offset = 0;       ///< subtracted from a code
  bool is_table = false; ///< codes index iq4_nl_values
};

/// REQUIRES: a format with blocks of 32 or 256.
code_scheme scheme_of(weight_format format);

/// What the codes of iq4_nl mean, ascending.
extern const std::int8_t iq4_nl_values[16];

struct block_codes {
  std::uint8_t q[256];    ///< one code a weight; int8 is kept as its bits
  std::int8_t scale[16];  ///< of a sub-block; only super_*
  std::uint8_t min[16];   ///< of a sub-block; only super_*_min
  std::uint16_t d = 0;    ///< f16
  std::uint16_t m = 0;    ///< f16; only *_min
};

/// Takes the block at `from` (block_bytes) apart.
void open_block(weight_format format, const std::byte* from, block_codes& codes);

/// The weights of a block, block_weights of them.
void block_values(weight_format format, const block_codes& codes, float* out);

} // namespace tokamak::kernels
