// What a simulation prints of what clients wrote down.
#include "app/simulation/summary.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::app;

namespace {

load four_requests() {
  load l;
  l.seed = 9;
  l.requests.resize(4);
  return l;
}

// Two finished, one refused, one failed; times in ms after the clock's 1000.
client_record record_of() {
  client_record r;
  const auto ms = [](std::uint64_t v) { return 1'000'000 + v * 1000; };
  r.requests = {{ms(0), ms(100), ms(300), ms(300), 5, false, errc::ok},
                {ms(0), ms(900), ms(900), ms(900), 1, false, errc::ok},
                {ms(10), 0, 0, ms(10), 0, true, errc::overloaded},
                {ms(20), ms(50), ms(50), ms(2000), 1, true, errc::unavailable}};
  r.first_failure = "gone (unavailable)";
  return r;
}

} // namespace

TEST_CASE("percentiles are nearest ranks") {
  std::vector<double> values;
  for (int i = 100; i > 0; --i) values.push_back(i);
  const auto q = quantiles_of(values);
  CHECK(q.p50_p90_p99[0] == 50);
  CHECK(q.p50_p90_p99[1] == 90);
  CHECK(q.p50_p90_p99[2] == 99);
  CHECK(q.mean == 50.5);
  CHECK(quantiles_of({3}).p50_p90_p99[2] == 3);
  CHECK(quantiles_of({}).count == 0);
}

TEST_CASE("a summary says what became of the requests, and what was good") {
  const auto s = summarize(four_requests(), record_of(), 1'000'000, 2, {500, 0}, 1.5);
  CHECK(s.text() == "seed       9\n"
                    "requests   4: 2 finished, 1 failed, 1 refused\n"
                    "           first failure: gone (unavailable)\n"
                    "time       2.000 s from the clients' beginning to the last end\n"
                    "rate       3.5 output tokens/s, 1.000 requests/s\n"
                    "TTFT       p50 100.00 ms, p90 900.00 ms, p99 900.00 ms, mean 500.00 ms\n"
                    "TPOT       p50 50.00 ms, p90 50.00 ms, p99 50.00 ms, mean 50.00 ms\n"
                    "goodput    0.500 requests/s, 25.0 % of all, TTFT at most 500 ms\n"
                    "tokens     computed 0, cached 0, recomputed 0, delivered 0, discarded 0\n"
                    "engines    2: busy 0.000 of 4.000 engine-seconds (0.0 %), 0 preemptions\n"
                    "cost       238.0952 per million output tokens, 1.5 an engine and hour\n");
}

TEST_CASE("a summary of nothing divides by nothing") {
  const auto s = summarize({}, {}, 1'000'000, 1, {}, 1.5);
  CHECK(s.text().find("requests   0: 0 finished, 0 failed, 0 refused\n") != std::string::npos);
  CHECK(s.text().find("TTFT       none\n") != std::string::npos);
  CHECK(s.text().find("nan") == std::string::npos);
  CHECK(s.json().find("null") == std::string::npos);
}
