// Choosing the set of kernels.
#include "test_data.hpp"

using namespace tokamak::kernels;

TEST_CASE("without a wish the best level runs, with one the wished level") {
  CHECK(choose_level(nullptr, cpu_level::avx2).level == cpu_level::avx2);
  CHECK(choose_level("", cpu_level::reference).level == cpu_level::reference);
  CHECK(choose_level("reference", cpu_level::avx2).level == cpu_level::reference);
  CHECK(choose_level("reference", cpu_level::avx2).error == "");
  CHECK(choose_level("avx512", cpu_level::avx512).level == cpu_level::avx512);
}

TEST_CASE("an unknown or unavailable TOKAMAK_CPU is an error that says what there is") {
  CHECK(choose_level("sse", cpu_level::avx2).error == "TOKAMAK_CPU=sse: expected reference, avx2 or avx512");
  CHECK(choose_level("avx512", cpu_level::avx2).error ==
        "TOKAMAK_CPU=avx512: this processor and build have kernels up to avx2 only");
}
