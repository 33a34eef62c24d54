// Sizes of tensors.
#include "model/tensor_type.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace tokamak;

TEST_CASE("a tensor's bytes are its blocks times the bytes of one") {
  CHECK(bytes_of(tensor_type::f32, std::array<std::uint64_t, 2>{576, 3}) == 576 * 3 * 4);
  CHECK(bytes_of(tensor_type::bf16, std::array<std::uint64_t, 1>{7}) == 14);
  CHECK(bytes_of(tensor_type::q4_1, std::array<std::uint64_t, 2>{576, 192}) == 576 / 32 * 192 * 20);
  CHECK(bytes_of(tensor_type::q8_0, std::array<std::uint64_t, 1>{32}) == 34);
  CHECK(bytes_of(tensor_type::q6_k, std::array<std::uint64_t, 2>{512, 2}) == 4 * 210);
}

TEST_CASE("every type that is computed with has the block of ggml's structures") {
  struct layout {
    tensor_type type;
    std::uint32_t elements, bytes;
  };
  using enum tensor_type;
  for (const layout& l : {layout{f32, 1, 4}, {f16, 1, 2}, {bf16, 1, 2}, {q4_0, 32, 18}, {q4_1, 32, 20}, {q5_0, 32, 22},
                          {q5_1, 32, 24}, {q8_0, 32, 34}, {iq4_nl, 32, 18}, {q2_k, 256, 84}, {q3_k, 256, 110},
                          {q4_k, 256, 144}, {q5_k, 256, 176}, {q6_k, 256, 210}}) {
    const auto* traits = find_traits(l.type);
    REQUIRE(traits != nullptr);
    CHECK(traits->block_elements == l.elements);
    CHECK(traits->block_bytes == l.bytes);
    CHECK(bytes_of(l.type, std::array<std::uint64_t, 2>{l.elements * 3ULL, 5}) == l.bytes * 15ULL);
    if (l.elements == 1) continue;
    CHECK(bytes_of(l.type, std::array<std::uint64_t, 1>{l.elements + 1ULL}).error().message ==
          fmt::format("dimension 0 is {}, not a multiple of {}'s block of {} elements", l.elements + 1, traits->name,
                      l.elements));
  }
}

TEST_CASE("sizes that cannot be are errors that say why") {
  CHECK(bytes_of(tensor_type::q4_0, std::array<std::uint64_t, 1>{33}).error() ==
        error{errc::invalid_argument, "dimension 0 is 33, not a multiple of Q4_0's block of 32 elements", ""});
  CHECK(bytes_of(tensor_type::f32, std::array<std::uint64_t, 2>{4, 0}).error() ==
        error{errc::invalid_argument, "dimension 1 is 0", ""});
  CHECK(bytes_of(tensor_type::f32, {}).error() ==
        error{errc::invalid_argument, "a tensor needs at least one dimension", ""});
  CHECK(bytes_of(tensor_type::f32, std::array<std::uint64_t, 3>{1U << 30, 1U << 30, 8}).error() ==
        error{errc::too_large, "the product of the dimensions does not fit in 63 bits", ""});
  CHECK(bytes_of(tensor_type::f32, std::array<std::uint64_t, 2>{std::uint64_t{1} << 40, std::uint64_t{1} << 22}).error() ==
        error{errc::too_large, "the size in bytes does not fit in 63 bits", ""});
  CHECK(bytes_of(static_cast<tensor_type>(4), std::array<std::uint64_t, 1>{32}).error() ==
        error{errc::unsupported, "tensor type 4 (Q4_2) was withdrawn from the format; convert the model anew", ""});
  CHECK(bytes_of(static_cast<tensor_type>(99), std::array<std::uint64_t, 1>{32}).error() ==
        error{errc::unsupported, "tensor type 99 is unknown", ""});
}

TEST_CASE("types are found by id and by name in either case") {
  CHECK(tensor_type_from_id(3) == tensor_type::q4_1);
  CHECK_FALSE(tensor_type_from_id(31).has_value());
  CHECK(tensor_type_from_name("q4_k") == tensor_type::q4_k);
  CHECK(tensor_type_from_name("IQ4_NL") == tensor_type::iq4_nl);
  CHECK_FALSE(tensor_type_from_name("Q4").has_value());
  CHECK(to_string(tensor_type::bf16) == "BF16");
  CHECK(to_string(static_cast<tensor_type>(77)) == "unknown");
}
