// Options against what a plugin says it accepts, then against its own validate: exact messages and places.
#include "plugin/check_options.hpp"

#include <doctest/doctest.h>

#include "plugin/host.hpp"
#include "unit/plugin/test_plugins.hpp"

using namespace tokamak;
using namespace tokamak::plugin;

namespace {

extension probe() {
  auto opened = library::open(test_plugin("option_probe"));
  REQUIRE_MESSAGE(opened, opened.error().to_string());
  return extension(*opened, (*opened)->extension(0));
}

option_value at(decltype(option_value::value) v, std::uint32_t line, std::uint32_t column) {
  return option_value{std::move(v), line, column};
}

option_value table(option_value::table entries) { return at(std::move(entries), 3, 1); }

/// A good pick and one more entry.
option_value with(std::string key, option_value v) {
  return table({{"pick", at(std::int64_t{1}, 4, 8)}, {std::move(key), std::move(v)}});
}

error only(const option_value& options) {
  const auto found = check_options(probe(), options, "a.toml");
  REQUIRE(found.size() == 1);
  return found.front();
}

} // namespace

TEST_CASE("good options have no errors") {
  CHECK(check_options(probe(), table({{"pick", at(std::int64_t{1}, 4, 8)}}), "a.toml").empty());
  CHECK(check_options(probe(), with("ratio", at(std::int64_t{1}, 5, 9)), "a.toml").empty()); // an integer is a number
}

TEST_CASE("an unknown option is answered with the nearest one at its place") {
  CHECK(only(with("ration", at(0.5, 5, 9))) == error{errc::invalid_argument,
                                                     "placement 'option_probe' has no option 'ration'; did you mean "
                                                     "'ratio'? known: pick, ratio, fast, label, steps, "
                                                     "rules, mode, nothing",
                                                     "a.toml:5:9"});
}

TEST_CASE("a wrong type says what was found and what was expected") {
  CHECK(only(with("fast", at(std::string("yes"), 5, 8))) ==
        error{errc::invalid_argument, "placement 'option_probe': option 'fast' must be a boolean, found a string",
              "a.toml:5:8"});
  CHECK(only(with("ratio", at(std::string("0.5"), 5, 8))).message ==
        "placement 'option_probe': option 'ratio' must be a number, found a string");
  CHECK(only(with("steps", at(option_value::table{}, 5, 8))).message ==
        "placement 'option_probe': option 'steps' must be an array, found a table");
  CHECK(only(with("rules", at(true, 5, 8))).message ==
        "placement 'option_probe': option 'rules' must be a table, found a boolean");
  CHECK(only(table({{"pick", at(1.5, 4, 8)}})).message ==
        "placement 'option_probe': option 'pick' must be an integer, found a number");
}

TEST_CASE("a missing required option is reported at the table") {
  CHECK(only(table({})) == error{errc::invalid_argument,
                                 "placement 'option_probe': option 'pick' (an integer) is required", "a.toml:3:1"});
}

TEST_CASE("all problems are reported at once") {
  const auto found =
      check_options(probe(), table({{"fats", at(true, 4, 1)}, {"label", at(std::int64_t{3}, 5, 1)}}), "a.toml");
  REQUIRE(found.size() == 3);
  CHECK(found[0].where == "a.toml:4:1");
  CHECK(found[1].where == "a.toml:5:1");
  CHECK(found[2].where == "a.toml:3:1");
}

TEST_CASE("options that are no table are refused") {
  CHECK(only(at(std::int64_t{3}, 7, 2)) == error{errc::invalid_argument,
                                                 "placement 'option_probe': options must be a table, found an integer",
                                                 "a.toml:7:2"});
}

TEST_CASE("the plugin's own validate points at the option at fault, in arrays and tables too") {
  CHECK(
      only(table({{"pick", at(std::int64_t{9}, 4, 8)}})) ==
      error{errc::invalid_argument, "placement 'option_probe': 'pick' must be between 0 and 7, found 9", "a.toml:4:8"});
  CHECK(only(with("ratio", at(1.5, 5, 9))).message ==
        "placement 'option_probe': 'ratio' must be between 0 and 1, found 1.5");
  CHECK(only(with("mode", at(std::string("odd"), 5, 9))).message ==
        "placement 'option_probe': 'mode' must be one of plain, fancy, found 'odd'");
  CHECK(only(with("label", at(std::string(), 5, 9))) ==
        error{errc::invalid_argument, "placement 'option_probe': 'label': must not be empty", "a.toml:5:9"});
  const option_value::array steps{at(std::int64_t{2}, 6, 10), at(std::int64_t{0}, 6, 13)};
  CHECK(only(with("steps", at(steps, 6, 9))) ==
        error{errc::invalid_argument,
              "placement 'option_probe': 'steps[1]' must be between 1 and 9223372036854775807, found 0",
              "a.toml:6:13"});
  const option_value::array mixed{at(std::string("x"), 6, 10)};
  CHECK(only(with("steps", at(mixed, 6, 9))).message == "placement 'option_probe': 'steps[0]' must be an integer");
}

TEST_CASE("an option that has no default and was not given is missed by whoever asks for it") {
  CHECK(only(with("label", at(std::string("needs nothing"), 5, 9))) ==
        error{errc::invalid_argument, "placement 'option_probe': 'nothing' is required", "a.toml"});
}

TEST_CASE("the plugin can be asked alone, its answer in parts") {
  const auto fault = ask_plugin(probe(), table({{"pick", at(std::int64_t{9}, 4, 8)}}));
  REQUIRE(fault);
  CHECK(fault->message == "'pick' must be between 0 and 7, found 9");
  CHECK(fault->line == 4);
  CHECK(fault->column == 8);
  CHECK_FALSE(ask_plugin(probe(), table({{"pick", at(std::int64_t{2}, 4, 8)}})));
}
