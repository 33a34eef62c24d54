// scheduler "continuous" in a simulated engine: random loads from a printed seed, through to the end.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "plugin/scheduler_instance.hpp"
#include "unit/plugins_policy/installed.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

constexpr std::uint64_t step_us = 20'000;

struct job {
  std::uint32_t prompt, answer;      // tokens
  std::uint32_t generated = 0;       // answer tokens so far
  std::uint32_t computed = 0;        // rows in the cache
  bool running = false;
  std::uint64_t arrival_us = 0, finished_us = 0;
  std::uint32_t preempted = 0;
  std::int32_t priority = 0;

  std::uint32_t length() const { return prompt + generated; }
  bool done() const { return generated == answer; }
};

/// An engine of `n_blocks` blocks whose steps take step_us; it allocates as the real one does and fails the test when a
/// plan is over a limit.
struct engine {
  std::uint32_t n_blocks, block_size, max_rows, max_sequences;
  std::vector<job> jobs;
  std::uint64_t now_us = 0, steps = 0, idle_steps = 0;

  std::uint32_t blocks(std::uint32_t rows) const { return (rows + block_size - 1) / block_size; }
  std::uint32_t free_blocks() const {
    std::uint32_t used = 0;
    for (const auto& j : jobs) used += j.running ? blocks(j.computed) : 0;
    REQUIRE(used <= n_blocks);
    return n_blocks - used;
  }

  void run_step(scheduler_instance& scheduler) {
    std::vector<job*> listed;
    for (const bool running : {true, false})
      for (auto& j : jobs)
        if (!j.done() && j.running == running && j.arrival_us <= now_us) listed.push_back(&j);
    std::vector<tk_schedule_sequence> sequences;
    for (const job* j : listed) {
      const std::uint32_t pending = j->length() - j->computed;
      sequences.push_back({static_cast<std::uint64_t>(j - jobs.data()),
                           j->running ? TK_SEQUENCE_RUNNING : TK_SEQUENCE_WAITING, j->priority, j->arrival_us, 0,
                           pending, j->computed, j->computed < j->prompt || pending > 1, block_size});
    }
    std::vector<std::uint32_t> rows(sequences.size());
    std::vector<std::uint8_t> preempt(sequences.size());
    const tk_schedule_input input{
        sizeof input, sequences.data(), sequences.size(), max_rows, max_sequences, free_blocks(), now_us};
    REQUIRE(scheduler.plan(input, rows, preempt) == 0);
    std::uint32_t planned = 0;
    for (std::size_t i = 0; i < listed.size(); ++i) {
      job& j = *listed[i];
      if (preempt[i]) {
        j.running = false;
        j.computed = 0;
        ++j.preempted;
      }
      if (!rows[i]) continue;
      planned += rows[i];
      j.running = true;
      j.computed += rows[i];
      if (j.computed == j.length()) ++j.generated;
      if (j.done()) {
        j.running = false;
        j.finished_us = now_us;
      }
    }
    free_blocks(); // within the limit after the step too
    if (!listed.empty() && !planned) ++idle_steps;
    now_us += step_us;
    ++steps;
  }

  bool finished() const {
    return std::all_of(jobs.begin(), jobs.end(), [](const job& j) { return j.done(); });
  }
};

scheduler_instance make(option_value::table options) {
  auto made = scheduler_instance::create(installed(), use("continuous", std::move(options)), settings());
  REQUIRE_MESSAGE(made, made.error().to_string());
  return std::move(*made);
}

} // namespace

TEST_CASE("random loads in tight memory all finish, and no step is over a limit or idle") {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto pick = [&](std::uint32_t least, std::uint32_t most) {
      return least + static_cast<std::uint32_t>(random() % (most - least + 1));
    };
    engine e{pick(8, 40), pick(1, 16), pick(1, 64), pick(1, 12), {}};
    const std::uint32_t capacity = e.n_blocks * e.block_size;
    for (std::uint32_t i = pick(1, 40); i > 0; --i) {
      job j{pick(1, capacity / 2), pick(1, capacity / 4)};
      j.arrival_us = pick(0, 50) * step_us;
      j.priority = static_cast<std::int32_t>(pick(0, 3)) - 1;
      e.jobs.push_back(j);
    }
    std::sort(e.jobs.begin(), e.jobs.end(), [](const job& a, const job& b) { return a.arrival_us < b.arrival_us; });
    const char* orders[] = {"arrival", "priority", "deadline"};
    auto scheduler = make({{"prefill_chunk", number(pick(1, 64))},
                           {"prefill_rows", number(pick(0, 64))},
                           {"order", value(std::string(orders[seed % 3]))},
                           {"starve_after_ms", number(pick(0, 3000))},
                           {"headroom_blocks", number(pick(0, 2))}});
    while (!e.finished() && e.steps < 200'000) e.run_step(scheduler);
    CHECK(e.finished());
    CHECK(e.idle_steps == 0);
  }
}

TEST_CASE("an unimportant request finishes under a flood of important ones") {
  engine e{32, 16, 64, 4, {}};
  job humble{100, 20};
  humble.priority = -10;
  e.jobs.push_back(humble);
  for (int i = 0; i < 400; ++i) {
    job j{64, 16};
    j.arrival_us = static_cast<std::uint64_t>(i) * 2 * step_us; // more than the engine can serve
    j.priority = 5;
    e.jobs.push_back(j);
  }
  auto scheduler = make({{"starve_after_ms", number(2000)}});
  while (!e.jobs[0].done() && e.steps < 2000) e.run_step(scheduler);
  REQUIRE(e.jobs[0].done());
  CHECK_FALSE(e.finished()); // the flood still runs
  CHECK(e.jobs[0].finished_us < 4'000'000);
}

TEST_CASE("with memory for all nobody is preempted and a decode's token comes at every step") {
  engine e{1000, 16, 512, 64, {}};
  for (std::uint32_t i = 0; i < 30; ++i) {
    job j{20 + i, 50};
    j.arrival_us = i * 3 * step_us;
    e.jobs.push_back(j);
  }
  auto scheduler = make({});
  while (!e.finished() && e.steps < 1000) e.run_step(scheduler);
  REQUIRE(e.finished());
  for (const auto& j : e.jobs) {
    CHECK(j.preempted == 0);
    CHECK(j.finished_us - j.arrival_us == 49 * step_us); // the prompt is one step, each further token one
  }
}
