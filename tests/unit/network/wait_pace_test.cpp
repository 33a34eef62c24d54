#include "network/wait_pace.hpp"

#include <doctest/doctest.h>

#include <thread>

using tokamak::network::wait_pace;

namespace {

/// So many waits that end at once, with what moved between them; whether the thread would stay awake in the last.
bool awake_after(int waits, wait_pace::traffic each, wait_pace& pace) {
  wait_pace::traffic sum;
  bool awake = false;
  for (int i = 0; i < waits; ++i) {
    sum = {sum.sent + each.sent, sum.received + each.received, sum.bytes + each.bytes};
    pace.begin(sum);
    awake = pace.stay_awake();
    pace.end();
  }
  return awake;
}

} // namespace

TEST_CASE("a thread stays awake between questions and answers, and sleeps through streams and silence") {
  wait_pace pace;
  CHECK(awake_after(8, {1, 1, 400}, pace));
  CHECK(!awake_after(8, {0, 1, 400}, pace));
  CHECK(!awake_after(8, {1, 0, 400}, pace));
  CHECK(!awake_after(8, {1, 1, wait_pace::much}, pace));
  CHECK(!awake_after(8, {0, 0, 0}, pace));
}

TEST_CASE("a thread sleeps when the last wait was long, and after half a millisecond") {
  wait_pace pace;
  REQUIRE(awake_after(8, {1, 1, 400}, pace));
  pace.begin({9, 9, 4000});
  std::this_thread::sleep_for(2 * wait_pace::limit);
  CHECK(!pace.stay_awake());
  pace.end();
  pace.begin({10, 10, 4400});
  CHECK(!pace.stay_awake());
}
