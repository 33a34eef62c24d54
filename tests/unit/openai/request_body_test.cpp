// Bodies that are no JSON, or would cost too much.
#include "frontend/openai/request_body.hpp"

#include "frontend/openai/json_text.hpp"
#include "requests.hpp"

#include <chrono>

using namespace tokamak;
using namespace tokamak::frontend::openai;

namespace {

std::string problem(const std::string& body, const body_limits& limits = {}) {
  const auto read = read_body(body, limits);
  return read ? "fine" : read.error().message;
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(text, out);
  return out;
}

} // namespace

TEST_CASE("broken JSON is told with its place") {
  CHECK(problem("") == "the body is no valid JSON: at byte 0: syntax error while parsing value - unexpected end of input; expected '[', '{', or a literal");
  CHECK(problem("{\"model\":\"m\", }").starts_with("the body is no valid JSON: at byte 14: syntax error while parsing object key - unexpected '}'"));
  CHECK(problem("{} x").starts_with("the body is no valid JSON: at byte 3: syntax error while parsing value - invalid literal"));
  CHECK(problem("[1e999]").starts_with("the body is no valid JSON: at byte 5: number overflow parsing '1e999'"));
  CHECK(problem("\"\\ud800\"").starts_with("the body is no valid JSON: at byte "));
  CHECK(problem("[" + std::string(5'000'000, '1') + "x").size() < 300);
}

TEST_CASE("broken UTF-8 is told with its place") {
  CHECK(problem("[\"\xc3\"]") == "the body is no valid UTF-8: at byte 2");
  CHECK(problem("[\"\xed\xa0\x80\"]") == "the body is no valid UTF-8: at byte 2");
  CHECK(problem("[\"\xf0\x9f\x98\x80\"]") == "fine");
}

TEST_CASE("a body nests 64 levels and no more") {
  CHECK(problem(nested(64)) == "fine");
  CHECK(problem(nested(65)) == "the body is nested deeper than 64 levels");
  CHECK(problem(std::string(10'000'000, '[')) == "the body is nested deeper than 64 levels");
  // The parameters of a tool are such a tree: body, tools, tool, function, parameters, then 59 more.
  const auto tool = [](std::size_t depth) {
    return chat_with(R"("tools":[{"type":"function","function":{"name":"f","parameters":{"x":)" + nested(depth) + "}}}]");
  };
  CHECK(refusal(api::chat_completions, tool(59)) == "accepted");
  CHECK(refusal(api::chat_completions, tool(60)) == wrong + "- -: the body is nested deeper than 64 levels");
}

TEST_CASE("bodies of very many values or keys are refused before they become a tree") {
  CHECK(problem("[1,2,3]", {.values = 4}) == "fine");
  CHECK(problem("[1,2,3]", {.values = 3}) == "the body has more than 3 values");
  std::string keys = "{\"a\":0";
  for (int i = 0; i < 1'000'000; ++i) keys += fmt::format(",\"{:x}\":0", i);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(problem(keys + "}") == "the body has too many keys in its objects");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("of a key that comes twice the last one counts") {
  CHECK(accepted(api::completions, R"({"model":"a","prompt":"Hi","model":"b"})").model == "b");
}

TEST_CASE("the body is an object") {
  CHECK(refusal(api::completions, "[]") == wrong + "- -: the body must be an object, got array");
}

TEST_CASE("a prompt of 10 MB is read quickly") {
  const std::string text(10'000'000, 'a');
  const auto begin = std::chrono::steady_clock::now();
  const auto chat = accepted(api::chat_completions, R"({"model":"m","messages":[{"role":"user","content":")" + text + R"("}]})");
  CHECK(chat.opens.at(0).prompt->json_messages == R"([{"role":"user","content":")" + text + R"("}])");
  const auto plain = accepted(api::completions, R"({"model":"m","prompt":")" + text + R"("})");
  CHECK(plain.opens.at(0).prompt->text == text);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10)); // with sanitizers, too
}

TEST_CASE("text is escaped as JSON wants it, and no further") {
  CHECK(escaped("plain") == "plain");
  CHECK(escaped("a\"b\\c/\n\r\t\b\f") == R"(a\"b\\c/\n\r\t\b\f)");
  CHECK(escaped(std::string_view("\0\x01\x1f\x7f", 4)) == "\\u0000\\u0001\\u001f\x7f");
  CHECK(escaped("é€😀\xe2\x80\xa8") == "é€😀\xe2\x80\xa8");
  CHECK(escaped("\xe2\x82!\xff") == "\xef\xbf\xbd\xef\xbf\xbd!\xef\xbf\xbd");
  std::string out;
  append_bytes("\xf0\x9f", out);
  append_logprob(-0.25f, out);
  append_logprob(-std::numeric_limits<float>::infinity(), out);
  CHECK(out == "[240,159]-0.25-9999");
}

TEST_CASE("characters are counted, and texts shortened between them") {
  CHECK(characters_of("") == 0);
  CHECK(characters_of("aé😀\xff") == 4);
  CHECK(shortened("aé", 3) == "aé");
  CHECK(shortened("aéb", 2) == "a…");
}
