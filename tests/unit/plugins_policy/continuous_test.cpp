// scheduler "continuous": single steps, worked out by hand.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "plugin/scheduler_instance.hpp"
#include "unit/plugins_policy/installed.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

constexpr std::uint32_t block = 16;
constexpr std::uint64_t second = 1'000'000;

/// A step's input that is put together sequence by sequence; arrival is the order of the calls unless given.
struct step {
  std::vector<tk_schedule_sequence> sequences;
  std::uint32_t max_rows = 512, max_sequences = 64, free_blocks = 1000;
  std::uint64_t now_us = second;

  tk_schedule_sequence& add(int state, bool prefill, std::uint32_t pending, std::uint32_t computed, int priority = 0) {
    tk_schedule_sequence s{};
    s.id = sequences.size() + 1;
    s.state = state;
    s.is_prefill = prefill;
    s.pending_rows = pending;
    s.computed_rows = computed;
    s.priority = priority;
    s.arrival_us = sequences.size() + 1;
    s.block_size = block;
    return sequences.emplace_back(s);
  }
  tk_schedule_sequence& decode(std::uint32_t computed, int priority = 0) {
    return add(TK_SEQUENCE_RUNNING, false, 1, computed, priority);
  }
  tk_schedule_sequence& prompt(std::uint32_t pending, std::uint32_t computed, int priority = 0) {
    return add(TK_SEQUENCE_RUNNING, true, pending, computed, priority);
  }
  tk_schedule_sequence& waiting(std::uint32_t pending, int priority = 0) {
    return add(TK_SEQUENCE_WAITING, true, pending, 0, priority);
  }

  /// Rows per sequence, "x" for a preempted one: "1 1 256 x".
  std::string planned(scheduler_instance& by) const {
    std::vector<std::uint32_t> rows(sequences.size());
    std::vector<std::uint8_t> preempt(sequences.size());
    const tk_schedule_input input{
        sizeof input, sequences.data(), sequences.size(), max_rows, max_sequences, free_blocks, now_us};
    CHECK(by.plan(input, rows, preempt) == 0);
    std::string text;
    for (std::size_t i = 0; i < rows.size(); ++i)
      text += (i ? " " : "") + (preempt[i] ? std::string("x") : std::to_string(rows[i]));
    return text;
  }
};

scheduler_instance make(option_value::table options = {}) {
  auto made = scheduler_instance::create(installed(), use("continuous", std::move(options)), settings());
  REQUIRE_MESSAGE(made, made.error().to_string());
  return std::move(*made);
}

} // namespace

TEST_CASE("every running sequence decodes, and prompts fill what is left in chunks") {
  auto c = make({{"prefill_chunk", number(100)}});
  step s;
  s.decode(40);
  s.decode(50);
  s.prompt(300, 100);
  s.waiting(30);
  s.waiting(300);
  CHECK(s.planned(c) == "1 1 100 30 100");
  s.max_rows = 150;
  CHECK(s.planned(c) == "1 1 100 30 18");
}

TEST_CASE("the rows of prompts can be bounded, so that decoding stays even") {
  auto c = make({{"prefill_rows", number(64)}});
  step s;
  s.decode(40);
  s.waiting(50);
  s.waiting(50);
  CHECK(s.planned(c) == "1 50 14");
}

TEST_CASE("decodes come first when the step is small") {
  auto c = make();
  step s;
  s.waiting(100);
  s.decode(40);
  s.decode(50);
  s.max_rows = 3;
  CHECK(s.planned(c) == "1 1 1");
  s.max_rows = 2;
  CHECK(s.planned(c) == "0 1 1");
  s.max_rows = 64;
  s.max_sequences = 2;
  CHECK(s.planned(c) == "0 1 1");
}

TEST_CASE("a sequence joins only if its whole prompt has blocks beside what others were promised") {
  auto c = make({{"headroom_blocks", number(0)}, {"prefill_chunk", number(16)}});
  step s;
  s.prompt(32, 16); // will need two blocks more
  s.waiting(32);    // two
  s.free_blocks = 4;
  CHECK(s.planned(c) == "16 16");
  s.free_blocks = 3;
  CHECK(s.planned(c) == "16 0");
}

TEST_CASE("headroom keeps blocks for the sequences that already run") {
  auto c = make({{"headroom_blocks", number(2)}});
  step s;
  s.decode(20);
  s.waiting(16);
  s.free_blocks = 3;
  CHECK(s.planned(c) == "1 16");
  s.free_blocks = 2;
  CHECK(s.planned(c) == "1 0");
}

TEST_CASE("a smaller waiting sequence may overtake one that has no blocks yet") {
  auto c = make({{"headroom_blocks", number(0)}});
  step s;
  s.decode(20);
  s.waiting(160);
  s.waiting(16);
  s.free_blocks = 5;
  CHECK(s.planned(c) == "1 0 16");
}

TEST_CASE("nobody overtakes a starving sequence") {
  auto c = make({{"headroom_blocks", number(0)}, {"starve_after_ms", number(500)}});
  step s;
  s.decode(20);
  s.waiting(160);
  s.waiting(16).arrival_us = second - 10;
  s.free_blocks = 5;
  CHECK(s.planned(c) == "1 0 0");
}

TEST_CASE("no more sequences run than fit into a step") {
  auto c = make();
  step s;
  s.decode(20);
  s.decode(20);
  s.waiting(8);
  s.waiting(8);
  s.max_sequences = 3;
  CHECK(s.planned(c) == "1 1 8 0");
}

TEST_CASE("priority, deadline or arrival decide who goes first") {
  step s;
  s.waiting(10, 0);
  s.waiting(10, 5);
  s.waiting(10, 1).deadline_us = 2 * second;
  s.max_rows = 10;
  auto by_priority = make();
  CHECK(s.planned(by_priority) == "0 10 0");
  auto by_deadline = make({{"order", value(std::string("deadline"))}});
  CHECK(s.planned(by_deadline) == "0 0 10");
  auto by_arrival = make({{"order", value(std::string("arrival"))}});
  CHECK(s.planned(by_arrival) == "10 0 0");
}

TEST_CASE("a low priority that has waited long enough goes before a high one") {
  auto c = make();
  step s;
  s.waiting(10, -5);
  s.waiting(10, 5).arrival_us = 9 * second;
  s.max_rows = 10;
  s.now_us = 10 * second;
  CHECK(s.planned(c) == "0 10");
  s.now_us = 10 * second + 1;
  CHECK(s.planned(c) == "10 0");
}

TEST_CASE("a starving prompt gets rows even when decodes would fill the step, and leaves them most") {
  auto c = make();
  step s;
  s.waiting(100);
  for (int i = 0; i < 16; ++i) s.decode(20).arrival_us = 20 * second;
  s.now_us = 20 * second;
  s.max_rows = 16;
  CHECK(s.planned(c) == "2 1 1 1 1 1 1 1 1 1 1 1 1 1 1 0 0");
}

TEST_CASE("decodes that need a block take it from the youngest of the lowest priority") {
  auto c = make();
  step s;
  s.decode(32, 1); // full blocks: each needs one more
  s.decode(32, 0);
  s.decode(32, 0);
  s.decode(33, 0); // has room, but is the youngest: its three blocks serve the others
  s.free_blocks = 0;
  CHECK(s.planned(c) == "1 1 1 x");
  s.sequences[3].priority = 1; // now the third is
  CHECK(s.planned(c) == "1 1 x 1");
}

TEST_CASE("nobody is preempted for a better placed or an equal sequence's sake alone") {
  auto c = make();
  step s;
  s.decode(20, 3);
  s.decode(32, 0); // needs a block, but the other is better: it waits
  s.free_blocks = 0;
  CHECK(s.planned(c) == "1 0");
}

TEST_CASE("prompts preempt nobody: they wait for blocks") {
  auto c = make();
  step s;
  s.prompt(100, 32, 9);
  s.decode(20, 0);
  s.free_blocks = 0;
  CHECK(s.planned(c) == "0 1");
  s.sequences[0].computed_rows = 30; // two slots are left in its last block
  CHECK(s.planned(c) == "2 1");
}

TEST_CASE("two halves of prompts that block each other are resolved: the younger gives way") {
  auto c = make();
  step s;
  s.prompt(100, 32);
  s.prompt(100, 64);
  s.free_blocks = 0;
  CHECK(s.planned(c) == "64 x");
}

TEST_CASE("a lone prompt that is larger than the free blocks starts with what there is") {
  auto c = make();
  step s;
  s.waiting(100);
  s.free_blocks = 2;
  CHECK(s.planned(c) == "32");
}

TEST_CASE("nothing to do, no blocks or no rows plan nothing") {
  auto c = make();
  step s;
  CHECK(s.planned(c).empty());
  s.waiting(10);
  s.free_blocks = 0;
  CHECK(s.planned(c) == "0");
  s.free_blocks = 10;
  s.max_rows = 0;
  CHECK(s.planned(c) == "0");
  s.max_rows = 10;
  s.max_sequences = 0;
  CHECK(s.planned(c) == "0");
}

TEST_CASE("several rows of one decode, as with drafts, are taken as far as there is room") {
  auto c = make();
  step s;
  s.decode(30).pending_rows = 5;
  s.free_blocks = 0;
  CHECK(s.planned(c) == "2");
  s.free_blocks = 1;
  CHECK(s.planned(c) == "5");
}

TEST_CASE("wrong options are refused with their place") {
  const auto bad = [](const char* key, option_value v) {
    return scheduler_instance::create(installed(), use("continuous", {{key, std::move(v)}}), settings()).error();
  };
  CHECK(bad("prefill_chunk", number(0)) ==
        error{errc::invalid_argument, "scheduler 'continuous': 'prefill_chunk' must be between 1 and 65536, found 0",
              "t.toml:3:7"});
  CHECK(bad("order", value(std::string("fair"))).message ==
        "scheduler 'continuous': 'order' must be one of arrival, priority, deadline, found 'fair'");
  CHECK(bad("prefil_chunk", number(1)).message ==
        "scheduler 'continuous' has no option 'prefil_chunk'; did you mean 'prefill_chunk'? known: prefill_chunk, "
        "prefill_rows, "
        "order, starve_after_ms, headroom_blocks");
}
