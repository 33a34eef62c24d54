// Schedulers: a simulated engine with random loads in tight memory. Plans must keep the limits, and everybody must
// get to the end.
#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <vector>

#include "plugin/conformance/kinds.hpp"
#include "plugin/scheduler_instance.hpp"

namespace tokamak::plugin::conformance {
namespace {

constexpr std::uint64_t step_us = 20'000;

struct job {
  std::uint64_t id = 0;
  std::uint32_t prompt = 1, answer = 1; // tokens
  std::uint64_t arrival_us = 0;
  std::int32_t priority = 0;
  std::uint32_t generated = 0; // answer tokens so far
  std::uint32_t computed = 0;  // rows in the cache
  bool running = false;

  std::uint32_t length() const { return prompt + generated; }
  bool done() const { return generated == answer; }
};

/// An engine as the framework's scheduler sees it: blocks are given when rows are computed and taken back at the end.
/// If nothing can run it preempts the youngest, as the framework does.
class engine {
 public:
  std::uint32_t n_blocks = 0, block_size = 1, max_rows = 1, max_sequences = 1;
  std::vector<job> jobs;
  std::uint64_t now_us = 0;
  std::string fault; ///< what the last step found wrong

  bool finished() const {
    return std::all_of(jobs.begin(), jobs.end(), [](const job& j) { return j.done(); });
  }

  /// False: see fault.
  bool step(scheduler_instance& scheduler) {
    list();
    if (!listed_.empty()) {
      const tk_schedule_input input{
          sizeof input, sequences_.data(), sequences_.size(), max_rows, max_sequences, free_blocks(), now_us};
      rows_.assign(listed_.size(), 0);
      preempt_.assign(listed_.size(), 0);
      if (const std::size_t over = scheduler.plan(input, rows_, preempt_)) {
        fault = fmt::format("the plans of {} of {} sequences were over a limit ({} rows, {} sequences a step)", over,
                            listed_.size(), max_rows, max_sequences);
        return false;
      }
      if (!apply()) return false;
    }
    now_us += step_us;
    return true;
  }

 private:
  std::uint32_t blocks(std::uint32_t rows) const { return (rows + block_size - 1) / block_size; }
  std::uint32_t free_blocks() const {
    std::uint32_t used = 0;
    for (const auto& j : jobs) used += j.running ? blocks(j.computed) : 0;
    return n_blocks - used;
  }

  void list() {
    listed_.clear();
    sequences_.clear();
    for (const bool running : {true, false})
      for (auto& j : jobs)
        if (!j.done() && j.running == running && j.arrival_us <= now_us) listed_.push_back(&j);
    for (const job* j : listed_) {
      tk_schedule_sequence s{};
      s.id = j->id;
      s.state = j->running ? TK_SEQUENCE_RUNNING : TK_SEQUENCE_WAITING;
      s.priority = j->priority;
      s.arrival_us = j->arrival_us;
      s.pending_rows = j->length() - j->computed;
      s.computed_rows = j->computed;
      s.is_prefill = s.pending_rows > 1 || j->computed < j->prompt;
      s.block_size = block_size;
      sequences_.push_back(s);
    }
  }

  bool apply() {
    for (std::size_t i = 0; i < listed_.size(); ++i)
      if (preempt_[i]) give_up(*listed_[i]);
    std::uint64_t planned = 0;
    for (std::size_t i = 0; i < listed_.size(); ++i) {
      job& j = *listed_[i];
      const std::uint32_t n = clipped(j, rows_[i]);
      if (n == 0) continue;
      planned += n;
      j.running = true;
      j.computed += n;
      if (j.computed == j.length()) ++j.generated;
      if (j.done()) j.running = false;
    }
    return planned > 0 || unstick();
  }

  /// Rows for which there are blocks: the host gives no others.
  std::uint32_t clipped(const job& j, std::uint32_t rows) const {
    const std::uint32_t held = j.running ? blocks(j.computed) : 0;
    return std::min(rows, (held + free_blocks()) * block_size - j.computed);
  }

  bool unstick() {
    job* youngest = nullptr;
    std::size_t holders = 0;
    for (auto& j : jobs)
      if (j.running) ++holders, youngest = &j;
    if (holders <= 1) {
      fault = fmt::format("nothing was planned though {} sequences could run and {} blocks of {} rows were free",
                          listed_.size(), free_blocks(), block_size);
      return false;
    }
    give_up(*youngest);
    return true;
  }

  static void give_up(job& j) {
    j.running = false;
    j.computed = 0;
  }

  std::vector<job*> listed_;
  std::vector<tk_schedule_sequence> sequences_;
  std::vector<std::uint32_t> rows_;
  std::vector<std::uint8_t> preempt_;
};

engine random_engine(std::mt19937_64& random) {
  const auto pick = [&](std::uint32_t least, std::uint32_t most) {
    return least + static_cast<std::uint32_t>(random() % (most - least + 1));
  };
  engine e;
  e.n_blocks = pick(8, 40);
  e.block_size = pick(1, 16);
  e.max_rows = pick(1, 64);
  e.max_sequences = pick(1, 12);
  const std::uint32_t capacity = e.n_blocks * e.block_size;
  for (std::uint32_t n = pick(1, 30); n > 0; --n) {
    job j;
    j.prompt = pick(1, capacity / 2);
    j.answer = pick(1, capacity / 4 + 1);
    j.arrival_us = pick(0, 40) * step_us;
    j.priority = static_cast<std::int32_t>(pick(0, 4)) - 2;
    e.jobs.push_back(j);
  }
  std::sort(e.jobs.begin(), e.jobs.end(), [](const job& a, const job& b) { return a.arrival_us < b.arrival_us; });
  for (std::size_t i = 0; i < e.jobs.size(); ++i) e.jobs[i].id = i + 1;
  return e;
}

outcome check_random_loads(scheduler_instance& scheduler, std::uint64_t seed) {
  constexpr int rounds = 40;
  for (int round = 0; round < rounds; ++round) {
    std::mt19937_64 random(seed + static_cast<std::uint64_t>(round));
    engine e = random_engine(random);
    // One row a step is the slowest that a step can be; preempted work is done again, but not without end.
    std::uint64_t rows = 0;
    for (const auto& j : e.jobs) rows += j.prompt + j.answer;
    const std::uint64_t most_steps = 1000 + 4 * rows;
    std::uint64_t steps = 0;
    for (; !e.finished() && steps < most_steps; ++steps)
      if (!e.step(scheduler))
        return broken(fmt::format("seed {}, step {}: {}", seed + static_cast<std::uint64_t>(round), steps, e.fault));
    if (!e.finished())
      return broken(fmt::format("seed {}: not all requests were finished after {} steps",
                                seed + static_cast<std::uint64_t>(round), steps));
  }
  return passed(fmt::format("{} loads", rounds));
}

/// An hour of overload by important requests: the unimportant one must not wait for its end.
outcome check_starvation(scheduler_instance& scheduler) {
  engine e;
  e.n_blocks = 32;
  e.block_size = 16;
  e.max_rows = 64;
  e.max_sequences = 4;
  e.jobs.resize(1);
  e.jobs[0].prompt = 100;
  e.jobs[0].answer = 20;
  e.jobs[0].priority = -10;
  e.jobs[0].id = 1;
  std::uint64_t last_id = 1;
  const std::uint64_t hour_us = 3'600'000'000;
  const auto next = [&](std::uint64_t at) {
    job j;
    j.id = ++last_id;
    j.prompt = 64;
    j.answer = 16;
    j.arrival_us = at;
    j.priority = 5;
    e.jobs.push_back(j);
  };
  for (int i = 0; i < 16; ++i) next(0);
  while (!e.jobs[0].done() && e.now_us < hour_us) {
    const auto waiting = std::count_if(e.jobs.begin() + 1, e.jobs.end(), [](const job& j) { return !j.done(); });
    if (waiting < 16) {
      std::erase_if(e.jobs, [&](const job& j) { return &j != &e.jobs[0] && j.done(); });
      next(e.now_us);
    }
    if (!e.step(scheduler)) return broken(e.fault);
  }
  if (!e.jobs[0].done())
    return broken("a request of low priority was not finished within an hour of overload by higher ones");
  return passed(fmt::format("after {} s", e.now_us / 1'000'000));
}

outcome check_nothing(scheduler_instance& scheduler) {
  tk_schedule_input input{};
  input.size = sizeof input;
  input.max_rows = input.max_sequences = input.free_blocks = 8;
  if (scheduler.plan(input, {}, {})) return broken("planned something for nobody");
  tk_schedule_sequence s{};
  s.pending_rows = 4;
  s.block_size = 16;
  s.is_prefill = 1;
  input.sequences = &s;
  input.n_sequences = 1;
  std::uint32_t rows = 0;
  std::uint8_t preempt = 0;
  input.max_rows = 0;
  if (scheduler.plan(input, {&rows, 1}, {&preempt, 1})) return broken("planned rows for a step that has room for none");
  return passed();
}

} // namespace

void check_scheduler(checks& c, const subject& s) {
  auto made = scheduler_instance::create(s.plugins, s.use, s.settings());
  c.run("is created", [&] { return made ? passed() : broken(made.error().message); });
  if (!made) return;
  c.run("plans nothing where there is nothing to plan", [&] { return check_nothing(*made); });
  c.run("keeps every limit and finishes random loads in tight memory",
        [&] { return check_random_loads(*made, s.seed); });
  c.run("lets nobody starve", [&] {
    auto fresh = scheduler_instance::create(s.plugins, s.use, s.settings()); // time begins anew
    return fresh ? check_starvation(*fresh) : broken(fresh.error().message);
  });
}

} // namespace tokamak::plugin::conformance
