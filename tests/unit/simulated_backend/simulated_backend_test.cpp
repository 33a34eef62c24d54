// What the simulated backend does to a step: it takes time, in order, and leaves answers that mean nothing.
#include "plugin/backend_instance.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

constexpr std::uint32_t vocabulary = 100;

const registry& installed() {
  static const registry r = [] {
    std::vector<error> problems; // other plugins may be absent
    return registry::scan({}, {}, &problems);
  }();
  return r;
}

/// Time that passes when a test says so.
struct hand_clock {
  std::uint64_t now_us = 1000;
  std::multimap<std::uint64_t, std::function<void()>> due;

  void go_to(std::uint64_t us) {
    while (!due.empty() && due.begin()->first <= us) {
      now_us = due.begin()->first;
      const auto call = std::move(due.begin()->second);
      due.erase(due.begin());
      call();
    }
    now_us = us;
  }
};

option_value real(double v) {
  option_value o;
  o.value = v;
  return o;
}

option_value list(std::vector<option_value> items) {
  option_value o;
  o.value = option_value::array(std::move(items));
  return o;
}

/// The backend with a graph that has nothing but logits, and steps of sequences with given lengths.
struct bench {
  hand_clock& clock;
  expected<backend_instance> backend;
  backend_instance::program program;
  backend_instance::cache cache;
  backend_instance::buffer logits;
  std::vector<std::pair<std::uint64_t, tk_status>> done; ///< when, how

  /// One sequence of a step: rows from a position on.
  struct part {
    std::uint32_t from = 0;
    std::uint32_t rows = 1;
  };
  struct flight {
    bench* in = nullptr;
    std::vector<std::int32_t> tokens;
    std::vector<std::uint32_t> positions, outputs;
    std::vector<tk_step_sequence> sequences;
    tk_binding binding{};
    tk_step step{};
  };
  std::vector<std::unique_ptr<flight>> flights;

  bench(hand_clock& c, option_value::table options, std::uint32_t window = 0)
      : clock(c), backend(backend_instance::create(installed(), {"simulated", {std::move(options), 2, 1}, 1, 1}, settings())) {
    REQUIRE_MESSAGE(backend.has_value(), (backend ? "" : backend.error().to_string()));
    tk_value value{to_tk("logits"), TK_OUTPUT_ROWS, TK_F32, 1, TK_VALUE_OUTPUT, {vocabulary, 0, 0, 0}};
    tk_cache_group group{to_tk("full"), window > 0 ? tk_group_kind{TK_GROUP_SLIDING} : tk_group_kind{TK_GROUP_FULL}, 2, 16, window, 8, 8, 0, TK_F16};
    const tk_graph_view graph{sizeof(tk_graph_view), &value, 1, nullptr, 0, &group, 1};
    auto made = backend->create_program(graph, {});
    REQUIRE(made.has_value());
    program = std::move(*made);
    const std::uint32_t blocks = 1000;
    cache = std::move(*backend->create_cache({&group, 1}, {&blocks, 1}));
    logits = std::move(*backend->create_buffer(8 * vocabulary * sizeof(float)));
  }

  host_settings settings() {
    host_settings s;
    s.file = "t.toml";
    s.now_us = [this] { return clock.now_us; };
    s.call_later = [this](std::uint64_t delay_us, std::function<void()> call) { clock.due.emplace(clock.now_us + delay_us, std::move(call)); };
    return s;
  }

  /// Wants the logits of each sequence's last row.
  void submit(const std::vector<part>& parts) {
    auto f = std::make_unique<flight>();
    f->in = this;
    for (const auto& p : parts) {
      f->sequences.push_back({1 + f->sequences.size(), static_cast<std::uint32_t>(f->tokens.size()), p.rows});
      for (std::uint32_t i = 0; i < p.rows; ++i) {
        f->tokens.push_back(static_cast<std::int32_t>(7 + i));
        f->positions.push_back(p.from + i);
      }
      f->outputs.push_back(static_cast<std::uint32_t>(f->tokens.size() - 1));
    }
    f->binding = {0, logits.get(), 0};
    f->step.size = sizeof(tk_step);
    f->step.n_rows = static_cast<std::uint32_t>(f->tokens.size());
    f->step.n_sequences = static_cast<std::uint32_t>(f->sequences.size());
    f->step.n_outputs = static_cast<std::uint32_t>(f->outputs.size());
    f->step.n_bindings = 1;
    f->step.tokens = f->tokens.data();
    f->step.positions = f->positions.data();
    f->step.sequences = f->sequences.data();
    f->step.output_rows = f->outputs.data();
    f->step.bindings = &f->binding;
    const auto on_done = [](void* user, std::uint64_t, tk_status status, const tk_error*) {
      auto& b = *static_cast<bench*>(user);
      b.done.emplace_back(b.clock.now_us, status);
    };
    REQUIRE(backend->submit(program, cache, f->step, on_done, this).has_value());
    flights.push_back(std::move(f));
  }

  /// How long the step takes alone.
  std::uint64_t time_of(const std::vector<part>& parts) {
    const auto begin = clock.now_us;
    submit(parts);
    clock.go_to(begin + 1'000'000);
    REQUIRE(!done.empty());
    return done.back().first - begin;
  }
};

std::string refusal(option_value::table options) {
  const auto problems = installed().validate(TK_KIND_BACKEND, "simulated", {std::move(options), 2, 1}, "t.toml");
  return problems.empty() ? "" : problems.front().message;
}

} // namespace

TEST_CASE("a step takes the sum of what its cost model says") {
  hand_clock clock;
  bench b(clock, {{"step_us", real(1000)}, {"row_us", real(100)}, {"sequence_us", real(10)}, {"output_us", real(1)}});
  CHECK(b.time_of({{0, 1}}) == 1111);
  CHECK(b.time_of({{0, 5}, {9, 1}}) == 1000 + 600 + 20 + 2);
}

TEST_CASE("the curve over the rows is straight between its points, flat before them and goes on behind them") {
  hand_clock clock;
  bench b(clock, {{"rows_us", list({list({real(2), real(100)}), list({real(4), real(300)}), list({real(8), real(400)})})}});
  CHECK(b.time_of({{0, 1}}) == 100);
  CHECK(b.time_of({{0, 3}}) == 200);
  CHECK(b.time_of({{0, 8}}) == 400);
  CHECK(b.time_of({{0, 12}}) == 500);
}

TEST_CASE("attended tokens cost by whether a sequence decodes, and no more than a window has") {
  hand_clock clock;
  const option_value::table costs{{"decode_context_us", real(1)}, {"prefill_context_us", real(10)}};
  bench full(clock, costs);
  CHECK(full.time_of({{99, 1}}) == 100);
  CHECK(full.time_of({{0, 4}}) == 10 * (1 + 2 + 3 + 4));
  CHECK(full.time_of({{99, 1}, {0, 2}}) == 100 + 30);
  bench sliding(clock, costs, 16);
  CHECK(sliding.time_of({{99, 1}}) == 16);
}

TEST_CASE("a shard does its share") {
  hand_clock clock;
  bench b(clock, {{"step_us", real(1000)}, {"share", real(0.25)}});
  CHECK(b.time_of({{0, 1}}) == 250);
}

TEST_CASE("steps run one after the other and end in their order") {
  hand_clock clock;
  bench b(clock, {{"row_us", real(100)}});
  b.submit({{0, 3}});
  b.submit({{0, 1}});
  clock.go_to(1000 + 299);
  CHECK(b.done.empty());
  clock.go_to(1000 + 400);
  REQUIRE(b.done.size() == 2);
  CHECK(b.done[0].first == 1300);
  CHECK(b.done[1].first == 1400);
}

TEST_CASE("steps without a cost end at once") {
  hand_clock clock;
  bench b(clock, {});
  b.submit({{0, 3}});
  CHECK(b.done.size() == 1);
  CHECK(clock.due.empty());
}

TEST_CASE("what runs when the backend is destroyed ends as cancelled, once") {
  hand_clock clock;
  std::vector<std::pair<std::uint64_t, tk_status>> done;
  {
    bench b(clock, {{"step_us", real(1000)}});
    b.submit({{0, 1}});
    b.program = {};
    b.cache = {};
    b.logits = {};
    b.backend = fail(errc::cancelled, "gone");
    done = b.done;
  }
  REQUIRE(done.size() == 1);
  CHECK(done[0].second == TK_CANCELLED);
  clock.go_to(10'000); // the timer is late: it does nothing
}

TEST_CASE("one token of each output is as good as certain, the same for the same row") {
  hand_clock clock;
  bench b(clock, {});
  std::vector<std::int32_t> first(2), again(2);
  b.submit({{0, 3}, {9, 1}});
  REQUIRE(b.backend->finds_largest());
  REQUIRE(b.backend->argmax(b.logits, vocabulary, first).has_value());
  std::vector<float> values(2 * vocabulary);
  REQUIRE(b.backend->read(b.logits, 0, std::as_writable_bytes(std::span(values))).has_value());
  for (std::size_t row = 0; row < 2; ++row) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * vocabulary);
    CHECK(std::max_element(begin, begin + vocabulary) - begin == first[row]);
    CHECK(std::count(begin, begin + vocabulary, 0.0F) == vocabulary - 1);
  }
  b.submit({{9, 1}, {0, 3}});
  REQUIRE(b.backend->argmax(b.logits, vocabulary, again).has_value());
  CHECK(again[0] == first[1]);
  CHECK(again[1] == first[0]);
}

TEST_CASE("memory is counted and not taken") {
  hand_clock clock;
  bench b(clock, {});
  const auto info = b.backend->describe();
  CHECK(info.simulated == 1);
  CHECK(info.memory_bytes == 1000ull * 2 * 16 * (8 + 8) * 2);
  CHECK(b.backend->create_buffer(std::uint64_t{1} << 50).has_value());
}

TEST_CASE("options that make no cost model are refused with what was expected") {
  CHECK(refusal({{"step_us", real(-1)}}) == "backend 'simulated': 'step_us' must be between 0 and 1e+09, found -1");
  CHECK(refusal({{"share", real(2)}}) == "backend 'simulated': 'share' must be between 0 and 1, found 2");
  CHECK(refusal({{"rows_us", list({real(3)})}}) == "backend 'simulated': 'rows_us[0]' must be an array");
  CHECK(refusal({{"rows_us", list({list({real(3)})})}}) == "backend 'simulated': 'rows_us[0]': expected [rows, microseconds]");
  CHECK(refusal({{"rows_us", list({list({real(3), real(1)}), list({real(3), real(2)})})}}) ==
        "backend 'simulated': 'rows_us[1]': expected more rows than in the point before");
}
