// tk_host and tk_options as a plugin sees them, called directly.
#include "plugin/host.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace tokamak;
using namespace tokamak::plugin;

TEST_CASE("options of every type come through with their positions") {
  option_value::table t{{"flag", {true, 1, 2}},
                        {"count", {std::int64_t{-7}, 2, 3}},
                        {"ratio", {0.25, 3, 4}},
                        {"label", {std::string("ü"), 4, 5}},
                        {"list", {option_value::array{{std::int64_t{5}, 5, 9}}, 5, 8}}};
  const instance_host host({}, {t, 0, 0});
  const tk_host& h = *host.get();
  CHECK(h.option_count(host.options()) == 5);
  tk_option_value v{};
  v.size = sizeof v;
  REQUIRE(h.option_find(host.options(), to_tk("flag"), &v) == TK_OK);
  CHECK(v.type == TK_BOOLEAN);
  CHECK(v.integer == 1);
  REQUIRE(h.option_find(host.options(), to_tk("count"), &v) == TK_OK);
  CHECK(v.integer == -7);
  CHECK(v.real == -7.0);
  REQUIRE(h.option_at(host.options(), 2, &v) == TK_OK);
  CHECK(from_tk(v.key) == "ratio");
  CHECK(v.real == 0.25);
  REQUIRE(h.option_find(host.options(), to_tk("label"), &v) == TK_OK);
  CHECK(from_tk(v.string) == "ü");
  CHECK(v.line == 4);
  CHECK(v.column == 5);
  REQUIRE(h.option_find(host.options(), to_tk("list"), &v) == TK_OK);
  const tk_options* list = v.children;
  CHECK(h.option_count(list) == 1);
  REQUIRE(h.option_at(list, 0, &v) == TK_OK);
  CHECK(v.key.size == 0);
  CHECK(v.integer == 5);
  CHECK(v.column == 9);
}

TEST_CASE("an absent key, an index past the end and no table at all are not found") {
  const instance_host host({}, {option_value::table{}, 0, 0});
  const tk_host& h = *host.get();
  tk_option_value v{};
  v.size = sizeof v;
  CHECK(h.option_find(host.options(), to_tk("x"), &v) == TK_NOT_FOUND);
  CHECK(h.option_at(host.options(), 0, &v) == TK_NOT_FOUND);
  CHECK(h.option_count(nullptr) == 0);
  CHECK(h.option_at(nullptr, 0, &v) == TK_NOT_FOUND);
  CHECK(h.option_find(nullptr, to_tk("x"), &v) == TK_NOT_FOUND);
}

TEST_CASE("a timer's call comes once, and none after the instance's timers have ended") {
  std::vector<std::function<void()>> due;
  host_settings settings;
  settings.call_later = [&](std::uint64_t delay_us, std::function<void()> call) {
    CHECK(delay_us == 50);
    due.push_back(std::move(call));
  };
  instance_host host(settings, {option_value::table{}, 0, 0});
  int calls = 0;
  const auto count = [](void* user) { ++*static_cast<int*>(user); };
  const tk_host& h = *host.get();
  REQUIRE(h.call_later(h.context, 50, count, &calls) == TK_OK);
  REQUIRE(h.call_later(h.context, 50, count, &calls) == TK_OK);
  due[0]();
  CHECK(calls == 1);
  host.end_timers();
  due[1]();
  CHECK(calls == 1);
}

TEST_CASE("a host without timers says so") {
  const instance_host host({}, {option_value::table{}, 0, 0});
  const tk_host& h = *host.get();
  CHECK(h.call_later(h.context, 1, [](void*) {}, nullptr) == TK_UNSUPPORTED);
}

TEST_CASE("weights that an instance has copied are released where the host can") {
  const std::vector<std::byte> weight(100);
  std::span<const std::byte> released;
  host_settings settings;
  settings.release_weight = [&](std::span<const std::byte> bytes) { released = bytes; };
  const instance_host host(settings, {option_value::table{}, 0, 0}), without({}, {option_value::table{}, 0, 0});
  host.get()->release_weight(host.get()->context, weight.data(), 70);
  CHECK(released.data() == weight.data());
  CHECK(released.size() == 70);
  without.get()->release_weight(without.get()->context, weight.data(), 70);
}

TEST_CASE("a caller with a shorter struct gets no byte more than it has") {
  const instance_host host({}, {option_value::table{{"count", {std::int64_t{3}, 2, 3}}}, 0, 0});
  tk_option_value v;
  std::memset(&v, 0x5a, sizeof v);
  v.size = offsetof(tk_option_value, real);
  REQUIRE(host.get()->option_find(host.options(), to_tk("count"), &v) == TK_OK);
  CHECK(v.integer == 3);
  CHECK(v.size == offsetof(tk_option_value, real));
  CHECK(v.line == 0x5a5a5a5au);
}

TEST_CASE("time and randomness are what the settings give") {
  std::uint64_t now = 41;
  host_settings s;
  s.now_us = [&] { return ++now; };
  s.random_u64 = [] { return std::uint64_t{7}; };
  const instance_host host(s, {option_value::table{}, 0, 0});
  CHECK(host.get()->now_us(host.get()->context) == 42);
  CHECK(host.get()->random_u64(host.get()->context) == 7);
}

TEST_CASE("without sources time stands still and the random numbers are the same for every instance") {
  const instance_host a({}, {}), b({}, {});
  CHECK(a.get()->now_us(a.get()->context) == 0);
  const std::uint64_t first = a.get()->random_u64(a.get()->context);
  CHECK(first == b.get()->random_u64(b.get()->context));
  CHECK(first != a.get()->random_u64(a.get()->context));
  CHECK(first == 0xe220a8397b1dcdafu); // SplitMix64's first number for seed 0
}

TEST_CASE("an instance may always compute with its caller's thread") {
  host_settings s;
  s.threads = 0;
  CHECK(instance_host(s, {}).get()->threads == 1);
}

TEST_CASE("errors cross the border with code, message and place") {
  tk_error e = empty_error();
  std::strcpy(e.message, "no room");
  e.line = 3;
  e.column = 9;
  CHECK(to_error(TK_OUT_OF_MEMORY, e, "backend 'x'", "a.toml") ==
        error{errc::out_of_memory, "backend 'x': no room", "a.toml:3:9"});
  CHECK(to_error(TK_OUT_OF_MEMORY, e, "backend 'x'") == error{errc::out_of_memory, "backend 'x': no room", "3:9"});
  e.line = 0;
  CHECK(to_error(99, e, "backend 'x'", "a.toml") == error{errc::internal, "backend 'x': no room", "a.toml"});
  CHECK(to_error(TK_IO, empty_error(), "backend 'x'").message == "backend 'x': failed without a message");
}

TEST_CASE("a message that fills its array without an end is read no further") {
  tk_error e = empty_error();
  std::memset(e.message, 'x', sizeof e.message);
  CHECK(to_error(TK_IO, e, {}).message.size() == sizeof e.message);
}

TEST_CASE("an error for a plugin is cut to fit and ends with a zero") {
  const tk_error e = to_tk(error{errc::too_large, std::string(5000, 'y'), ""});
  CHECK(e.code == TK_TOO_LARGE);
  CHECK(std::strlen(e.message) == sizeof e.message - 1);
}
