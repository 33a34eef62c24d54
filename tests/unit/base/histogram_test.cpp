#include "base/histogram.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace tokamak;

namespace {
constexpr std::array bounds{1.0, 2.0, 5.0};
using counts = std::vector<std::uint64_t>;
counts counts_of(const histogram& h) { return {h.counts().begin(), h.counts().end()}; }
} // namespace

TEST_CASE("a value counts for the first bound that is not below it, or above all") {
  histogram h(bounds);
  CHECK(counts_of(h) == counts{0, 0, 0, 0});
  for (const auto value : {0.0, 1.0, 1.5, 2.0, 5.0, 5.5, 100.0}) h.add(value);
  CHECK(counts_of(h) == counts{2, 2, 1, 2});
  CHECK(h.sum() == 115.0);
  CHECK(h.bounds().size() == 3);
}

TEST_CASE("a histogram without bounds counts and sums") {
  histogram h{std::span<const double>{}};
  h.add(3);
  h.add(4);
  CHECK(counts_of(h) == counts{2});
  CHECK(h.sum() == 7.0);
  CHECK(quantile(h.bounds(), h.counts(), 0.5) == 0);
}

TEST_CASE("a quantile lies between its bounds as if values were spread evenly") {
  CHECK(quantile(bounds, counts{0, 0, 0, 0}, 0.5) == 0);
  CHECK(quantile(bounds, counts{4, 0, 0, 0}, 0.5) == 0.5);
  CHECK(quantile(bounds, counts{0, 0, 4, 0}, 0.5) == 3.5);
  CHECK(quantile(bounds, counts{1, 2, 1, 0}, 0.5) == 1.5);
  CHECK(quantile(bounds, counts{1, 2, 1, 0}, 1) == 5);
  CHECK(quantile(bounds, counts{1, 0, 0, 99}, 0.99) == 5);
}
