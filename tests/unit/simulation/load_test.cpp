// Made-up loads: what their numbers promise, and that a seed is all they depend on.
#include "app/simulation/load.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace tokamak;
using namespace tokamak::app;

namespace {

length_distribution lengths(const char* text) { return *length_distribution::parse(text); }

poisson_load example() { return {50, 100, lengths("16-64"), lengths("exp:32"), 0, 0, 7}; }

} // namespace

TEST_CASE("lengths are a number, a range or exponential") {
  CHECK(lengths("128").at(0.9) == 128);
  CHECK(lengths("16-18").at(0) == 16);
  CHECK(lengths("16-18").at(0.999) == 18);
  CHECK(lengths("exp:100").at(0) == 1);
  CHECK(lengths("exp:100").at(0.5) == 70); // 100 ln 2 = 69.3
}

TEST_CASE("what is no length is refused with examples of what is") {
  for (const auto* text : {"", "0", "-3", "3-", "9-3", "exp:", "exp:x", "12 ", "1e3", "99999999999"})
    CHECK(length_distribution::parse(text).error().message ==
          fmt::format("'{}' is no number of tokens; expected one like 128, 16-512 or exp:128, from 1 to 16777216", text));
}

TEST_CASE("as many requests arrive as the rate says, at times that are exponentially apart") {
  const auto made = make_load(example(), {"a"});
  const double n = static_cast<double>(made.requests.size());
  CHECK(std::abs(n - 5000) < 4 * std::sqrt(5000));
  std::size_t short_gaps = 0; // below the median gap, ln 2 / rate
  for (std::size_t i = 1; i < made.requests.size(); ++i)
    short_gaps += static_cast<double>(made.requests[i].arrival_us - made.requests[i - 1].arrival_us) < std::log(2) / 50 * 1e6;
  CHECK(std::abs(static_cast<double>(short_gaps) - n / 2) < 4 * std::sqrt(n) / 2);
  double answers = 0;
  for (const auto& r : made.requests) answers += r.max_tokens;
  CHECK(answers / n == doctest::Approx(32.5).epsilon(0.1));
}

TEST_CASE("a load is a function of its seed") {
  const auto same = [](const load& a, const load& b) {
    if (a.requests.size() != b.requests.size()) return false;
    for (std::size_t i = 0; i < a.requests.size(); ++i)
      if (a.requests[i].arrival_us != b.requests[i].arrival_us || a.prompt_of(i) != b.prompt_of(i)) return false;
    return true;
  };
  auto other = example();
  other.seed = 8;
  CHECK(same(make_load(example(), {"a"}), make_load(example(), {"a"})));
  CHECK_FALSE(same(make_load(example(), {"a"}), make_load(other, {"a"})));
}

TEST_CASE("requests of one prefix begin with the same tokens and go on with their own") {
  load l;
  l.requests = {{0, 8, 1, 0, 5, 4}, {0, 8, 1, 0, 5, 4}, {0, 8, 1, 0, 6, 4}, {0, 8, 1, 0, 0, 0}};
  const auto first = [&](std::size_t i) {
    const auto p = l.prompt_of(i);
    return std::vector(p.begin(), p.begin() + 4);
  };
  CHECK(first(0) == first(1));
  CHECK(l.prompt_of(0) != l.prompt_of(1));
  CHECK(first(0) != first(2));
  CHECK(first(0) != first(3));
}

TEST_CASE("no time, no requests") {
  auto none = example();
  none.seconds = 0;
  CHECK(make_load(none, {"a"}).requests.empty());
}
