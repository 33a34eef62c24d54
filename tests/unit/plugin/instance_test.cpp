// Instances of real plugin files: creation, destruction, and what the host does about plugins that misbehave.
#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <iterator>

#include "base/log.hpp"
#include "plugin/fusion_instance.hpp"
#include "plugin/placement_instance.hpp"
#include "plugin/scheduler_instance.hpp"
#include "unit/plugin/test_plugins.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

registry plugins() {
  const scoped_environment none("TOKAMAK_PLUGIN_PATH", "");
  const std::array paths{test_plugin("throws"), test_plugin("option_probe"), test_plugin("chooses_wrong"),
                         test_plugin("silent_failure")};
  auto r = registry::load(paths);
  REQUIRE_MESSAGE(r, r.error().to_string());
  return std::move(*r);
}

plugin_use use(std::string name, option_value::table options = {}) {
  return {std::move(name), option_value{std::move(options), 0, 0}, 12, 3};
}

host_settings settings() {
  host_settings s;
  s.name = "test.instance";
  s.file = "a.toml";
  return s;
}

tk_placement_member member(const char* name, bool available) {
  tk_placement_member m{};
  m.name = to_tk(name);
  m.available = available;
  return m;
}

/// What is logged while f runs.
template <class Function>
std::string logged(Function&& f) {
  const scratch_folder folder;
  const auto file = folder.path() / "log";
  REQUIRE(log::set_file(file));
  f();
  REQUIRE(log::set_file("/dev/stderr"));
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

TEST_CASE("an unknown plugin is reported at its place in the topology") {
  const auto made = placement_instance::create(plugins(), use("option_prob"), settings());
  REQUIRE_FALSE(made);
  CHECK(made.error().where == "a.toml:12:3");
  CHECK(made.error().message ==
        "no placement plugin named 'option_prob'; did you mean 'option_probe'? known: chooses_wrong, option_probe, "
        "silent_failure, throws_in_choose, throws_in_create");
}

TEST_CASE("bad options stop creation, at the option or else at the plugin's name") {
  const auto wrong =
      placement_instance::create(plugins(), use("option_probe", {{"pick", {std::int64_t{9}, 13, 8}}}), settings());
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error() == error{errc::invalid_argument,
                               "placement 'option_probe': 'pick' must be between 0 and 7, found 9", "a.toml:13:8"});
  const auto missing = placement_instance::create(plugins(), use("option_probe"), settings());
  REQUIRE_FALSE(missing);
  CHECK(missing.error() == error{errc::invalid_argument,
                                 "placement 'option_probe': option 'pick' (an integer) is required", "a.toml:12:3"});
}

TEST_CASE("an instance sees its options, defaults and host") {
  host_settings s = settings();
  s.threads = 3;
  s.memory_budget_bytes = 1000;
  s.now_us = [] { return std::uint64_t{123}; };
  s.random_u64 = [] { return std::uint64_t{9}; };
  const auto text = logged([&] {
    auto made = placement_instance::create(
        plugins(),
        use("option_probe", {{"pick", {std::int64_t{0}, 1, 1}},
                             {"steps", {option_value::array{{std::int64_t{4}, 1, 1}, {std::int64_t{2}, 1, 1}}, 1, 1}},
                             {"rules", {option_value::table{{"a", {1.5, 1, 1}}}, 1, 1}}}),
        s);
    REQUIRE_MESSAGE(made, made.error().to_string());
    const std::array members{member("m", true)};
    CHECK(*made->choose({}, members) == 0);
  });
  CHECK(text.find("test.instance probe.options text=\"ratio=0.500000 fast=yes label=none steps=4;2; rules=a:1.500000; "
                  "threads=3 memory=1000\"") != std::string::npos);
  CHECK(text.find("test.instance probe.choose text=\"now=123 random=9\"") != std::string::npos);
}

TEST_CASE("options live as long as the instance, not as long as the topology") {
  auto made = [] {
    const auto temporary =
        use("option_probe", {{"pick", {std::int64_t{0}, 1, 1}}, {"label", {std::string(100, 'x'), 1, 1}}});
    return placement_instance::create(plugins(), temporary, settings());
  }();
  REQUIRE(made); // and the registry is gone too
  const std::array members{member("m", true)};
  CHECK(made->choose({}, members));
  CHECK(made->name() == "option_probe");
}

TEST_CASE("what a constructor throws becomes an error") {
  const auto r = plugins();
  const auto why = [&](const char* what) {
    auto made =
        placement_instance::create(r, use("throws_in_create", {{"what", {std::string(what), 14, 9}}}), settings());
    REQUIRE_FALSE(made);
    return made.error();
  };
  CHECK(why("failure") ==
        error{errc::invalid_argument, "placement 'throws_in_create': 'what': is a failure", "a.toml:14:9"});
  CHECK(why("error") == error{errc::internal, "placement 'throws_in_create': a runtime error", "a.toml:12:3"});
  CHECK(why("memory") == error{errc::out_of_memory, "placement 'throws_in_create': out of memory", "a.toml:12:3"});
  CHECK(why("number") ==
        error{errc::internal, "placement 'throws_in_create': an exception of unknown type", "a.toml:12:3"});
}

TEST_CASE("a plugin that fails without a word is still named") {
  const auto made = placement_instance::create(plugins(), use("silent_failure"), settings());
  REQUIRE_FALSE(made);
  CHECK(made.error() == error{errc::internal, "placement 'silent_failure': failed without a message", "a.toml:12:3"});
}

TEST_CASE("a choice that is none, not there or not available is an error") {
  auto made = placement_instance::create(plugins(), use("chooses_wrong"), settings());
  REQUIRE(made);
  const std::array members{member("a", true), member("b", false)};
  const auto choose = [&](std::uint64_t id) {
    tk_placement_request request{};
    request.size = sizeof request;
    request.id = id;
    return made->choose(request, members);
  };
  CHECK(*choose(0) == 0);
  CHECK(choose(1).error() == error{errc::internal, "placement 'chooses_wrong' chose 'b', which is not available", ""});
  CHECK(choose(2).error() == error{errc::unavailable, "placement 'chooses_wrong': no engine is available", ""});
  CHECK(choose(3).error() == error{errc::internal, "placement 'chooses_wrong' chose member 3 of 2", ""});
}

TEST_CASE("a placement that throws chooses nobody and is logged") {
  auto made = placement_instance::create(plugins(), use("throws_in_choose"), settings());
  REQUIRE(made);
  const std::array members{member("a", true)};
  const auto text = logged([&] { CHECK(made->choose({}, members).error().code == errc::unavailable); });
  CHECK(text.find("error   test.instance placement.failed text=\"no idea\"") != std::string::npos);
}

TEST_CASE("a scheduler that throws plans what it had planned so far, and is logged") {
  auto made = scheduler_instance::create(plugins(), use("throws_in_plan"), settings());
  REQUIRE(made);
  tk_schedule_sequence s{};
  s.pending_rows = 1;
  const tk_schedule_input input{sizeof input, &s, 1, 8, 8, 8, 0};
  std::array<std::uint32_t, 1> rows{9};
  std::array<std::uint8_t, 1> preempt{1};
  const auto text = logged([&] { CHECK(made->plan(input, rows, preempt) == 0); });
  CHECK(rows[0] == 1);
  CHECK(preempt[0] == 0);
  CHECK(text.find("scheduler.failed text=\"no plan\"") != std::string::npos);
}

TEST_CASE("plans over a limit are clipped and counted") {
  std::array<tk_schedule_sequence, 5> s{};
  for (auto& one : s) {
    one.state = TK_SEQUENCE_RUNNING;
    one.pending_rows = 4;
  }
  s[4].state = TK_SEQUENCE_WAITING;
  const tk_schedule_input input{sizeof input, s.data(), s.size(), 10, 3, 8, 0};
  std::array<std::uint32_t, 5> rows{4, 9, 3, 1, 0};
  std::array<std::uint8_t, 5> preempt{0, 0, 0, 0, 1};
  CHECK(clip_plan(input, rows, preempt) == 4);
  CHECK(rows == std::array<std::uint32_t, 5>{4, 4, 2, 0, 0}); // pending, max_rows, max_sequences
  CHECK(preempt == std::array<std::uint8_t, 5>{});            // a waiting sequence has nothing to give
  rows = {2, 0, 0, 0, 0};
  preempt = {1, 0, 0, 0, 0};
  CHECK(clip_plan(input, rows, preempt) == 1);
  CHECK(rows[0] == 0); // preempted: no rows
  CHECK(preempt[0] == 1);
}

namespace {

/// Records what a fusion does to its request.
struct recorded_call {
  tk_status failed = TK_OK;
  std::string message;
  tk_fusion_host host{};
  recorded_call() {
    host.size = sizeof host;
    host.fail = [](void* self, tk_status code, tk_string text) {
      auto& r = *static_cast<recorded_call*>(self);
      r.failed = code;
      r.message = from_tk(text);
    };
  }
};

} // namespace

TEST_CASE("a fusion that throws in an event fails that request with the error") {
  const std::array members{tk_fusion_member{to_tk("pool"), 1}};
  auto made = fusion_instance::create(plugins(), use("throws_in_event"), settings(), members);
  REQUIRE(made);
  tk_request request{};
  request.size = sizeof request;
  recorded_call r;
  const auto refused = made->begin(request, r.host, &r);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == error{errc::too_large, "fusion 'throws_in_event': not even one token", "a.toml"});
  request.max_tokens = 1;
  auto call = made->begin(request, r.host, &r);
  REQUIRE(call);
  call->on_event(tk_sequence_event{});
  CHECK(r.failed == TK_UNAVAILABLE);
  CHECK(r.message == "the event was too much");
  call->on_timer(1);
  CHECK(r.failed == TK_INTERNAL);
  CHECK(r.message == "too late");
  CHECK(made->worst_case_tokens(5) == UINT64_MAX);
}

TEST_CASE("a request's state may outlive the instance's owner") {
  const std::array members{tk_fusion_member{to_tk("pool"), 1}};
  recorded_call r;
  fusion_instance::call kept;
  {
    auto made = fusion_instance::create(plugins(), use("throws_in_event"), settings(), members);
    REQUIRE(made);
    tk_request request{};
    request.max_tokens = 1;
    auto call = made->begin(request, r.host, &r);
    REQUIRE(call);
    kept = std::move(*call);
  }
  kept.on_event(tk_sequence_event{});
  CHECK(r.failed == TK_UNAVAILABLE);
}
