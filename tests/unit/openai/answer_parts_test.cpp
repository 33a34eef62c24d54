// Reasoning, text and calls out of an answer that comes in pieces.
#include "frontend/openai/answer_parts.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fmt/format.h>

using namespace tokamak::frontend::openai;

namespace {

const offered_tools one_tool(R"([{"type":"function","function":{"name":"f"}}])");

const call_marks* marks(std::string_view begin) {
  const auto all = known_call_marks();
  return &*std::find_if(all.begin(), all.end(), [&](const auto& m) { return m.begin == begin; });
}

answer_reading thinking() { return {.reasoning_begin = "<think>", .reasoning_end = "</think>"}; }
answer_reading calling(std::string_view begin = "<tool_call>") { return {.calls = marks(begin), .tools = one_tool}; }
answer_reading both() {
  auto r = thinking();
  r.calls = marks("<tool_call>");
  r.tools = one_tool;
  return r;
}

/// "reasoning|said|f {…}" of a text that comes in pieces of n bytes.
std::string taken_apart(const answer_reading& reading, std::string_view text, std::size_t n) {
  answer_parts reader(reading);
  answer_parts::parts all;
  const auto add = [&](answer_parts::parts p) {
    all.reasoning += p.reasoning;
    all.said += p.said;
    for (auto& call : p.calls) all.calls.push_back(std::move(call));
  };
  for (std::size_t i = 0; i < text.size(); i += n) add(reader.push(text.substr(i, n)));
  add(reader.finish());
  auto out = all.reasoning + "|" + all.said + "|";
  for (const auto& call : all.calls) out += call.name + " " + call.arguments;
  return out;
}

/// The same however it is cut.
void check(const answer_reading& reading, std::string_view text, const std::string& expected) {
  for (std::size_t n = 1; n <= text.size(); ++n) {
    CAPTURE(n);
    CHECK(taken_apart(reading, text, n) == expected);
  }
}

} // namespace

TEST_CASE("reasoning stands before the answer, between its marks") {
  check(thinking(), "<think>\nHm.\n</think>\n\nYes, 5 < 6.\n", "\nHm.\n|Yes, 5 < 6.\n|");
  check(thinking(), "\n <think>Hm</think>Yes", "Hm|Yes|");
  check(thinking(), "Yes <think> no", "|Yes <think> no|");
  check(thinking(), "<thinly", "|<thinly|");
  check(thinking(), "<think>never ends </thin", "never ends </thin||");
  check(thinking(), "<think></think>\n", "||");
  check(thinking(), "  Yes", "|  Yes|");
}

TEST_CASE("an answer that begins within reasoning") {
  auto reading = thinking();
  reading.in_reasoning = true;
  check(reading, "Hm.</think>\nYes", "Hm.|Yes|");
  check(reading, "Hm.", "Hm.||");
}

TEST_CASE("calls are taken out, and the blanks around them") {
  check(calling(), "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>", "||f {\"a\":1}");
  check(calling(), "Let me see.\n\n<tool_call>{\"name\": \"f\"}</tool_call>\n<tool_call>{\"name\": \"g\"}</tool_call>\n", "|Let me see.|f {}g {}");
  check(calling(), "<tool_call>{\"name\": \"f\"}", "||f {}"); // an end of generation instead of the mark
  check(both(), "<think>I need f.</think>\n<tool_call>{\"name\": \"f\"}</tool_call>", "I need f.||f {}");
}

TEST_CASE("what looks like a call and is none stays text") {
  check(calling(), "a <tool_call b \n", "|a <tool_call b \n|");
  check(calling(), "<tool_call>what?</tool_call> no", "|<tool_call>what?</tool_call> no|");
  check(calling(), "<tool_call>{\"name\": \"f\", ", "|<tool_call>{\"name\": \"f\", |");
}

TEST_CASE("the end mark within an argument does not end the call") {
  check(calling(), "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"</tool_call>\"}}</tool_call>", "||f {\"a\":\"</tool_call>\"}");
}

TEST_CASE("calls that end with the answer, and calls without marks") {
  check(calling("[TOOL_CALLS]"), "So:[TOOL_CALLS]f[ARGS]{\"a\": 1}", "|So:|f {\"a\":1}");
  check(calling(""), "{\"name\": \"f\", \"parameters\": {}}", "||f {}");
  check(calling(""), "{\"name\": \"other\", \"parameters\": {}}", "|{\"name\": \"other\", \"parameters\": {}}|");
  check(calling(""), "Use {\"name\": \"f\"}", "|Use {\"name\": \"f\"}|");
}

TEST_CASE("the first call only, where one is allowed") {
  auto reading = calling();
  reading.one_call = true;
  check(reading, "<tool_call>[{\"name\": \"f\"}, {\"name\": \"g\"}]</tool_call><tool_call>{\"name\": \"h\"}</tool_call>", "||f {}");
}

TEST_CASE("an answer goes on from what the prompt has of it") {
  auto reading = calling();
  reading.begun = "<tool_call>\n{\"name\": \"f\", \"arguments\":";
  check(reading, " {\"a\": 1}}\n", "||f {\"a\":1}");
  check(reading, " {\"a\": 1", "|<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1|");
  reading.function = "f"; // a call it is, whatever became of it
  check(reading, " {\"a\": 1", "||f  {\"a\": 1");
  check(reading, " {\"a\": 1}}", "||f {\"a\":1}");
  auto thinks = both();
  thinks.in_reasoning = true;
  thinks.begun = "</think>\n\n" + reading.begun;
  check(thinks, " {\"a\": 1}}</tool_call>", "||f {\"a\":1}");
}
