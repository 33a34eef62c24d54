// Sizes of tensor types; the numbers are those of ggml's block formats.
#include "model/tensor_type.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace tokamak {
namespace {

using enum tensor_type;

constexpr std::array all_traits{
    tensor_type_traits{f32, "F32", 1, 4},          tensor_type_traits{f16, "F16", 1, 2},
    tensor_type_traits{q4_0, "Q4_0", 32, 18},      tensor_type_traits{q4_1, "Q4_1", 32, 20},
    tensor_type_traits{q5_0, "Q5_0", 32, 22},      tensor_type_traits{q5_1, "Q5_1", 32, 24},
    tensor_type_traits{q8_0, "Q8_0", 32, 34},      tensor_type_traits{q8_1, "Q8_1", 32, 36},
    tensor_type_traits{q2_k, "Q2_K", 256, 84},     tensor_type_traits{q3_k, "Q3_K", 256, 110},
    tensor_type_traits{q4_k, "Q4_K", 256, 144},    tensor_type_traits{q5_k, "Q5_K", 256, 176},
    tensor_type_traits{q6_k, "Q6_K", 256, 210},    tensor_type_traits{q8_k, "Q8_K", 256, 292},
    tensor_type_traits{iq2_xxs, "IQ2_XXS", 256, 66}, tensor_type_traits{iq2_xs, "IQ2_XS", 256, 74},
    tensor_type_traits{iq3_xxs, "IQ3_XXS", 256, 98}, tensor_type_traits{iq1_s, "IQ1_S", 256, 50},
    tensor_type_traits{iq4_nl, "IQ4_NL", 32, 18},  tensor_type_traits{iq3_s, "IQ3_S", 256, 110},
    tensor_type_traits{iq2_s, "IQ2_S", 256, 82},   tensor_type_traits{iq4_xs, "IQ4_XS", 256, 136},
    tensor_type_traits{i8, "I8", 1, 1},            tensor_type_traits{i16, "I16", 1, 2},
    tensor_type_traits{i32, "I32", 1, 4},          tensor_type_traits{i64, "I64", 1, 8},
    tensor_type_traits{f64, "F64", 1, 8},          tensor_type_traits{iq1_m, "IQ1_M", 256, 56},
    tensor_type_traits{bf16, "BF16", 1, 2},        tensor_type_traits{tq1_0, "TQ1_0", 256, 54},
    tensor_type_traits{tq2_0, "TQ2_0", 256, 66},   tensor_type_traits{mxfp4, "MXFP4", 32, 17},
    tensor_type_traits{nvfp4, "NVFP4", 64, 36},    tensor_type_traits{q1_0, "Q1_0", 128, 18},
};

// Ids that ggml gave out and withdrew; files with them are older than the format's present meaning.
struct withdrawn_type {
  std::uint32_t id;
  std::string_view name;
};
constexpr std::array withdrawn_types{
    withdrawn_type{4, "Q4_2"},      withdrawn_type{5, "Q4_3"},      withdrawn_type{31, "Q4_0_4_4"},
    withdrawn_type{32, "Q4_0_4_8"}, withdrawn_type{33, "Q4_0_8_8"}, withdrawn_type{36, "IQ4_NL_4_4"},
    withdrawn_type{37, "IQ4_NL_4_8"}, withdrawn_type{38, "IQ4_NL_8_8"},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

} // namespace

const tensor_type_traits* find_traits(tensor_type type) {
  const auto* found = std::find_if(all_traits.begin(), all_traits.end(),
                                   [type](const tensor_type_traits& traits) { return traits.type == type; });
  return found == all_traits.end() ? nullptr : found;
}

std::optional<tensor_type> tensor_type_from_id(std::uint32_t id) {
  const auto* traits = find_traits(static_cast<tensor_type>(id));
  return traits ? std::optional(traits->type) : std::nullopt;
}

std::optional<tensor_type> tensor_type_from_name(std::string_view name) {
  for (const auto& traits : all_traits)
    if (same_ignoring_case(traits.name, name))
      return traits.type;
  return std::nullopt;
}

std::string_view to_string(tensor_type type) {
  const auto* traits = find_traits(type);
  return traits ? traits->name : "unknown";
}

std::string why_unknown(std::uint32_t id) {
  for (const auto& type : withdrawn_types)
    if (type.id == id)
      return fmt::format("tensor type {} ({}) was withdrawn from the format; convert the model anew", id, type.name);
  return fmt::format("tensor type {} is unknown", id);
}

expected<std::size_t> bytes_of(tensor_type type, std::span<const std::uint64_t> dims) {
  const auto* traits = find_traits(type);
  if (traits == nullptr)
    return fail(errc::unsupported, why_unknown(static_cast<std::uint32_t>(type)));
  if (dims.empty())
    return fail(errc::invalid_argument, "a tensor needs at least one dimension");
  constexpr std::uint64_t limit = std::numeric_limits<std::int64_t>::max();
  std::uint64_t elements = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0)
      return fail(errc::invalid_argument, fmt::format("dimension {} is 0", i));
    if (dims[i] > limit / elements)
      return fail(errc::too_large, "the product of the dimensions does not fit in 63 bits");
    elements *= dims[i];
  }
  if (dims[0] % traits->block_elements != 0)
    return fail(errc::invalid_argument, fmt::format("dimension 0 is {}, not a multiple of {}'s block of {} elements",
                                                    dims[0], traits->name, traits->block_elements));
  const std::uint64_t blocks = elements / traits->block_elements;
  if (blocks > limit / traits->block_bytes)
    return fail(errc::too_large, "the size in bytes does not fit in 63 bits");
  return static_cast<std::size_t>(blocks * traits->block_bytes);
}

} // namespace tokamak
