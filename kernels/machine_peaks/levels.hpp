// What a level supplies: so many multiply-adds of bytes with nothing else to wait for.
#pragma once

#include <cstdint>

namespace tokamak::kernels::peaks_detail {

/// Each round does a fixed number of multiply-adds, which these return for one round. `out` keeps the sums from being left out.
std::uint64_t multiply_reference(std::uint64_t rounds, std::int32_t* out);
std::uint64_t multiply_avx2(std::uint64_t rounds, std::int32_t* out);
std::uint64_t multiply_avx512(std::uint64_t rounds, std::int32_t* out);

} // namespace tokamak::kernels::peaks_detail
