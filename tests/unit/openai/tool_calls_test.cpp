// Calls of tools out of the text of models, in the forms that public models write.
#include "frontend/openai/tool_calls.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fmt/format.h>

using namespace tokamak::frontend::openai;

namespace {

const offered_tools weather(R"([{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{
  "city":{"type":"string"},"days":{"type":"integer"},"hourly":{"type":"boolean"},"when":{"type":"object"}}}}},
  {"type":"function","function":{"name":"now"}}])");

const call_marks& marks(std::string_view begin) {
  const auto all = known_call_marks();
  return *std::find_if(all.begin(), all.end(), [&](const auto& m) { return m.begin == begin; });
}

/// "get_weather {…}; now {}", or "none".
std::string read(std::string_view begin, std::string_view text) {
  const auto found = read_calls(marks(begin), text, weather);
  if (!found) return "none";
  std::string out;
  for (const auto& call : *found) out += fmt::format("{}{} {}", out.empty() ? "" : "; ", call.name, call.arguments);
  return out;
}

} // namespace

TEST_CASE("calls written as JSON, under the names that models give to name and arguments") {
  for (const auto* text : {R"({"name": "get_weather", "arguments": {"city": "Oslo", "days": 2}})", R"({"name":"get_weather","parameters":{"city":"Oslo","days":2}})",
                           R"([{"tool_call_id": "0", "tool_name": "get_weather", "parameters": {"city": "Oslo", "days": 2}}])", R"({"function": "get_weather", "arguments": {"city": "Oslo", "days": 2}})",
                           R"({"type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Oslo\", \"days\": 2}"}})", R"([{"get_weather": {"city": "Oslo", "days": 2}}])",
                           "\n```json\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\", \"days\": 2}}\n```\n"})
    CHECK(read("<tool_call>", text) == R"(get_weather {"city":"Oslo","days":2})");
  CHECK(read("<tool_call>", R"({"name": "now"})") == "now {}");
  CHECK(read("<tool_call>", R"({"name": "now", "arguments": null})") == "now {}");
  CHECK(read("<tool_call>", R"({"name": "other", "arguments": {"a": "}]\""}})") == R"(other {"a":"}]\""})");
}

TEST_CASE("several calls at once") {
  const std::string one = R"({"name": "now", "parameters": {}})", two = R"({"name": "get_weather", "parameters": {"city": "Oslo"}})";
  for (const auto& text : {one + "\n" + two, one + "; " + two, "[" + one + ", " + two + "]"})
    CHECK(read("<tool_call>", text) == R"(now {}; get_weather {"city":"Oslo"})");
  CHECK(read("[TOOL_CALLS]", R"(now[ARGS]{}[TOOL_CALLS]get_weather[ARGS]{"city": "Oslo"})") == R"(now {}; get_weather {"city":"Oslo"})");
}

TEST_CASE("a name, a separator and arguments") {
  CHECK(read("[TOOL_CALLS]", R"(get_weather[CALL_ID]a1B2c3D4e[ARGS]{"city": "Oslo"})") == R"(get_weather {"city":"Oslo"})");
  CHECK(read("<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Oslo\"}\n```<｜tool▁call▁end｜>\n"
                                      "<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜>") == R"(get_weather {"city":"Oslo"}; now {})");
  CHECK(read("<|tool_calls_section_begin|>", R"(<|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city": "Oslo"}<|tool_call_end|>)") == R"(get_weather {"city":"Oslo"})");
}

TEST_CASE("arguments that are plain text take the types of the tool's parameters") {
  CHECK(read("<tool_call>", "\n<function=get_weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=hourly>\ntrue\n</parameter>\n"
                            "<parameter=when>\n{\"from\": 1}\n</parameter>\n</function>\n") == R"(get_weather {"city":"12","days":3,"hourly":true,"when":{"from":1}})");
  CHECK(read("<tool_call>", "<function=get_weather><parameter=days>many</parameter><parameter=other>[1]</parameter></function>") == R"(get_weather {"days":"many","other":[1]})");
  CHECK(read("<tool_call>", "<function=get_weather><parameter=city>\n two\nlines \n\n</parameter></function>") == R"(get_weather {"city":" two\nlines \n"})");
  CHECK(read("<minimax:tool_call>", "\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Oslo</parameter>\n<parameter name=\"days\">2</parameter>\n</invoke>\n<invoke name=\"now\">\n</invoke>\n") ==
        R"(get_weather {"city":"Oslo","days":2}; now {})");
  CHECK(read("<｜DSML｜tool_calls>", "<｜DSML｜invoke name=\"get_weather\"><｜DSML｜parameter name=\"other\" string=\"true\">5</｜DSML｜parameter></｜DSML｜invoke>") == R"(get_weather {"other":"5"})");
  CHECK(read("<tool_call>", "get_weather\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n") == R"(get_weather {"city":"Oslo","days":2})");
  CHECK(read("<tool_call>", "now") == "now {}");
  CHECK(read("<function=", "get_weather>{\"city\": \"Oslo\"}") == R"(get_weather {"city":"Oslo"})");
  CHECK(read("<function name=", "\"get_weather\"><param name=\"city\">Oslo</param>") == R"(get_weather {"city":"Oslo"})");
}

TEST_CASE("what is no call is none") {
  for (const auto* text : {"", " ", "{", "[]", "{}", R"({"name": 1})", R"({"name": ""})", R"({"name": "now", "arguments": [1]})", R"({"name": "now", "arguments": "x"})", R"({"name": "now"} and)",
                           "<function=>", "<function=now", "<function=get_weather><parameter=city>Oslo", "<invoke name=\"now", "two words", "now<arg_key>city", "}{", "[[[[[[[[", "\"now\""})
    CHECK_MESSAGE(read("<tool_call>", text) == "none", text);
  CHECK(read("[TOOL_CALLS]", "now[ARGS]") == "none");
  CHECK(read("[TOOL_CALLS]", "now[ARGS]{\"a\":") == "none");
  CHECK(read("<｜tool▁calls▁begin｜>", "text <｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜>") == "none");
}

TEST_CASE("without marks only an offered tool is called: any other JSON is an answer") {
  CHECK(read("", R"({"name": "now", "parameters": {}})") == "now {}");
  CHECK(read("", R"({"name": "Alice", "parameters": {}})") == "none");
}
