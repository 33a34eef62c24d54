// The tensor element types a GGUF file can hold: ids, names and sizes (ggml's numbering). What the
// bits inside a block mean stands with the kernels that read them.
#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tokamak {

/// Values are the ids stored in GGUF files. Ids 4, 5, 31-33 and 36-38 were withdrawn by ggml.
enum class tensor_type : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  q1_0 = 41,
};

/// How a type lays its elements out: `block_elements` consecutive elements of a row share
/// `block_bytes` bytes. Plain types have blocks of one element.
struct tensor_type_traits {
  tensor_type type;
  std::string_view name; ///< as llama.cpp prints it: "F32", "Q4_1", "Q4_K", "IQ4_NL", ...
  std::uint32_t block_elements;
  std::uint32_t block_bytes;
};

/// The traits of a type, or null for an id that is not in the enumeration. Any thread.
const tensor_type_traits* find_traits(tensor_type type);

/// The type with this GGUF id, or nothing when the id is unknown or withdrawn.
std::optional<tensor_type> tensor_type_from_id(std::uint32_t id);

/// Why an id is no tensor_type: it is unknown, or was withdrawn under a name. REQUIRES: tensor_type_from_id found nothing.
std::string why_unknown(std::uint32_t id);

/// The type with this name, compared without regard to case ("q4_1", "Q4_1").
std::optional<tensor_type> tensor_type_from_name(std::string_view name);

/// "Q4_1"; "unknown" for an id that is not in the enumeration.
std::string_view to_string(tensor_type type);

/// Bytes of a dense tensor. `dims` are element counts, contiguous dimension first (ggml order); no
/// dimension may be 0 and dims[0] must be a multiple of the block. Errors: invalid_argument for those,
/// unsupported for an unknown type, too_large when the product does not fit in 63 bits.
expected<std::size_t> bytes_of(tensor_type type, std::span<const std::uint64_t> dims);

} // namespace tokamak
