// The thread team: every item once, visible results, idle workers asleep.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>

#include "test_data.hpp"
#include "tokamak/kernels/thread_team.hpp"

using namespace kernel_test;

TEST_CASE("every item is done exactly once for any team, count, grain and sharing") {
  test_data data;
  for (const unsigned threads : {0u, 1u, 2u, 3u, 8u}) {
    thread_team team(threads);
    CHECK(team.size() == (threads == 0 ? 1 : threads));
    for (int round = 0; round < 300; ++round) {
      const std::size_t items = data.below(200), grain = data.below(20);
      std::vector<int> done(items, 0); // plain ints: a race or a repeat would show
      std::atomic<std::size_t> largest{0};
      const auto how = data.below(2) == 0 ? sharing::in_order : sharing::runs;
      const auto each = [&](std::size_t begin, std::size_t end, unsigned worker) {
        if (worker >= team.size()) std::abort();
        for (std::size_t i = begin; i < end; ++i) ++done[i];
        std::size_t seen = largest.load();
        while (seen < end - begin && !largest.compare_exchange_weak(seen, end - begin)) {
        }
      };
      team.parallel_for(items, grain, each, how);
      for (const int count : done) REQUIRE(count == 1);
      REQUIRE(largest.load() <= std::max<std::size_t>(grain, 1));
    }
  }
}

TEST_CASE("no worker number is in use twice at once, and workers do help") {
  thread_team team(4);
  std::vector<std::atomic<int>> busy(4);
  std::vector<std::atomic<int>> items(4);
  std::atomic<bool> clash{false};
  for (int round = 0; round < 50; ++round) {
    team.parallel_for(64, 1, [&](std::size_t, std::size_t, unsigned worker) {
      if (busy[worker].fetch_add(1) != 0) clash = true;
      std::this_thread::sleep_for(std::chrono::microseconds(20));
      busy[worker].fetch_sub(1);
      items[worker].fetch_add(1);
    });
  }
  CHECK(!clash);
  CHECK(items[0] + items[1] + items[2] + items[3] == 64 * 50);
  CHECK(items[1] + items[2] + items[3] > 0);
}

TEST_CASE("ops one after the other see each other's results") {
  thread_team team(3);
  std::vector<std::uint64_t> now(1000, 0), next(1000, 0);
  for (int round = 0; round < 2000; ++round) {
    const auto reverse = [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t i = begin; i < end; ++i) next[i] = now[now.size() - 1 - i] + i;
    };
    team.parallel_for(now.size(), 16, reverse, round % 2 == 0 ? sharing::in_order : sharing::runs);
    now.swap(next);
  }
  for (std::size_t i = 0; i < now.size(); ++i) REQUIRE(now[i] == 1000 * 999);
}

TEST_CASE("a thread's run of neighbours is helped with where it is slow") {
  thread_team team(2);
  // A worker that wakes late may find its whole run done, the first item at last: such rounds show nothing.
  int slow_rounds = 0;
  for (int round = 0; slow_rounds < 10 && round < 10000; ++round) {
    std::vector<unsigned> by(64, 9);
    std::atomic<int> done{0};
    std::atomic<bool> slow{false};
    const auto slow_start = [&](std::size_t begin, std::size_t end, unsigned worker) {
      for (std::size_t i = begin; i < end; ++i) by[i] = worker;
      // Whoever has the first item stays with it until the other has done more than its own half.
      const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      if (begin == 0 && done < 40) slow = true;
      while (begin == 0 && done < 40 && std::chrono::steady_clock::now() < give_up) std::this_thread::sleep_for(std::chrono::microseconds(100));
      ++done;
    };
    team.parallel_for(by.size(), 1, slow_start, sharing::runs);
    for (const auto worker : by) REQUIRE(worker < 2);
    if (!slow) continue;
    ++slow_rounds;
    CHECK(std::count(by.begin(), by.end(), by[0]) <= 24); // half would be its own
  }
  CHECK(slow_rounds == 10);
}

TEST_CASE("an idle team uses no processor time and wakes again") {
  thread_team team(4);
  std::atomic<int> runs{0};
  team.parallel_for(100, 1, [&](std::size_t, std::size_t, unsigned) { ++runs; });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock(); // of the whole process
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const double used_s = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  CHECK(used_s < 0.05);
  team.parallel_for(100, 1, [&](std::size_t, std::size_t, unsigned) { ++runs; });
  CHECK(runs == 200);
}

TEST_CASE("teams can be made and dropped at any moment") {
  for (int round = 0; round < 100; ++round) {
    thread_team team(3);
    std::atomic<int> runs{0};
    if (round % 2 == 0) team.parallel_for(10, 1, [&](std::size_t, std::size_t, unsigned) { ++runs; });
    CHECK(runs == (round % 2 == 0 ? 10 : 0));
  }
}
