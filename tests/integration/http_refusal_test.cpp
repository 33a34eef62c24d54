// What is wrong with what clients send over HTTP: each with its whole answer, by a service that goes on.
#include "http_client.hpp"
#include "temporary_text.hpp"

using namespace tokamak;
using namespace tokamak::test;

namespace {

const std::string wrong = "invalid_request_error";

/// "400 BODY", of an error as OpenAI's clients know it. `param` and `code` as JSON.
std::string error_body(int status, const std::string& message, const std::string& param = "null", const std::string& code = "null", const std::string& type = wrong) {
  return fmt::format(R"({} {{"error":{{"message":"{}","type":"{}","param":{},"code":{}}}}})", status, message, type, param, code);
}

std::string told(const http_client::answer& a) { return fmt::format("{} {}", a.status, a.body); }

std::string chat(const std::string& content) { return R"({"model":"smollm2","max_tokens":2,"messages":[{"role":"user","content":)" + content + "}]}"; }
std::string completion(const std::string& fields) { return R"({"model":"smollm2","prompt":"x","max_tokens":2)" + (fields.empty() ? "" : "," + fields) + "}"; }

} // namespace

TEST_CASE("bodies that say something wrong are told what, and their connection goes on") {
  if (skipped()) return;
  test_service s(toml("max_message_bytes = 12000000\n"));
  const auto json = [](const std::string& at_and_why) { return error_body(400, "the body is no valid JSON: at byte " + at_and_why); };
  const auto value = [](const std::string& name, const std::string& message, const std::string& code = "invalid_value") {
    return error_body(400, message, '"' + name + '"', '"' + code + '"');
  };
  const auto range = [&](const std::string& name, const std::string& rest) { return value(name, "'" + name + "' must be " + rest); };
  const std::string half = "syntax error while parsing value - invalid string: surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF";
  std::string long_text;
  while (long_text.size() < 10'000'000) long_text += "the ";
  const struct {
    std::string path, body, answer;
  } cases[] = {
      {"completions", "", json("0: syntax error while parsing value - unexpected end of input; expected '[', '{', or a literal")},
      {"completions", "{\"model\":\"m\",", json("13: syntax error while parsing object key - unexpected end of input; expected string literal")},
      {"completions", completion("\"temperature\":NaN"), json("61: syntax error while parsing value - invalid literal; last read: '\\\"temperature\\\":N'")},
      {"completions", completion("\"temperature\":1e400"), json("65: number overflow parsing '1e400'")},
      {"completions", "[]", error_body(400, "the body must be an object, got array")},
      {"completions", "null", error_body(400, "the body must be an object, got null")},
      {"completions", completion("\"n\":-1"), range("n", "between 1 and 128, got -1")},
      {"completions", completion("\"top_k\":18446744073709551616"), range("top_k", "between -1 and 2147483647, got 1.8446744073709552e+19")},
      {"completions", completion("\"seed\":18446744073709551616"), value("seed", "'seed' must be an integer of 64 bits, got a number", "invalid_type")},
      {"completions", completion("\"temperature\":-1"), range("temperature", "between 0 and 2, got -1")},
      {"completions", completion("\"temperature\":\"NaN\""), value("temperature", "'temperature' must be a number, got a string", "invalid_type")},
      {"completions", completion("\"top_p\":1e-320"), error_body(400, "top_p is 0, expected above 0 and at most 1")},
      {"completions", completion("\"stream\":\"yes\""), value("stream", "'stream' must be a boolean, got a string", "invalid_type")},
      {"completions", completion("\"temprature\":1"), value("temprature", "unknown field 'temprature'; did you mean 'temperature'?", "unknown_parameter")},
      {"completions", R"({"model":"smollm","prompt":"x"})", value("model", "no model 'smollm'; did you mean 'smollm2'? known: smollm2, gpt-4o", "model_not_found").replace(0, 3, "404")},
      {"completions", R"({"model":5,"prompt":"x"})", value("model", "'model' must be a string, got a number", "invalid_type")},
      {"completions", R"({"model":"smollm2","prompt":[1,49152]})", error_body(400, "token 49152 is outside the vocabulary of 49152")},
      {"completions", R"({"model":"smollm2","prompt":"x)" "\xff" R"("})", error_body(400, "the body is no valid UTF-8: at byte 30")},
      {"chat/completions", chat("\"\xed\xa0\x80\""), error_body(400, "the body is no valid UTF-8: at byte 72")},
      {"chat/completions", chat(R"("\ud800")"), json("78: " + half + R"(; last read: '\"\\ud800\"')")},
      {"chat/completions", chat(R"("\ud800\u0041")"), json("83: " + half + R"(; last read: '\"\\ud800\\u0041')")},
      {"chat/completions", chat(R"("\udc00")"), json(R"(77: syntax error while parsing value - invalid string: surrogate U+DC00..U+DFFF must follow U+D800..U+DBFF; last read: '\"\\udc00')")},
      {"chat/completions", chat(std::string(100, '[') + std::string(100, ']')), error_body(400, "the body is nested deeper than 64 levels")},
      {"chat/completions", chat(std::string(1'000'000, '[')), error_body(400, "the body is nested deeper than 64 levels")},
      {"chat/completions", chat('"' + long_text + '"'), error_body(400, "prompt of 2500031 tokens does not fit the context of 4096 tokens", "null", "\"context_length_exceeded\"")},
      {"responses", R"({"model":"smollm2","input":{}})", value("input", "'input' must be a string or an array of items, got an object", "invalid_type")},
  };
  http_client c(s.address());
  for (const auto& one : cases) {
    CAPTURE(one.body.substr(0, 200));
    c.post("/v1/" + one.path, one.body);
    CHECK(told(c.read_answer()) == one.answer);
  }
  c.post("/v1/completions", completion(""));
  CHECK(c.read_answer().status == 200);
  c.post("/v1/completions", completion("\"user\":\"" + std::string(12'000'000, 'a') + "\""));
  CHECK(told(c.read_answer()) == error_body(413, "the body is larger than 12000000 bytes"));
  CHECK(!c.read_some());
}

TEST_CASE("an answer has the time of day, its request's name and nothing that was not asked for") {
  if (skipped()) return;
  test_service s(toml());
  const auto a = got(s.address(), "/health", "X-Request-Id: mine\r\n");
  REQUIRE(a.head.starts_with("HTTP/1.1 200 OK\r\nDate: "));
  CHECK(a.head.substr(23 + 29) == "\r\nContent-Type: application/json\r\nX-Request-Id: mine\r\nContent-Length: 15\r\n\r\n");
  std::tm t{};
  REQUIRE(strptime(a.head.substr(23, 29).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &t) != nullptr);
  CHECK(std::abs(timegm(&t) - std::time(nullptr)) < 60);
  http_client c(s.address());
  c.send("HEAD /v1/models HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  while (c.read_some()) {
  }
  CHECK(c.in.find("Content-Length: ") != std::string::npos);
  CHECK(c.in.ends_with("\r\n\r\n"));
}

TEST_CASE("a chat template that loops for ever, or raises, refuses the request alone") {
  if (skipped()) return;
  const temporary_text endless("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"), raising("{{ raise_exception('No \"such\" roles.') }}");
  const auto with = [](const temporary_text& file) {
    auto text = toml();
    const std::string path = "[models.smollm2]\n";
    return text.insert(text.find(path) + path.size(), "chat_template = \"" + file.path() + "\"\n");
  };
  const struct {
    const temporary_text& file;
    std::vector<std::string> paths;
    std::string answer;
  } cases[] = {{endless, {"/v1/chat/completions"}, error_body(400, "the template needs more than 50000000 steps")}, {raising, {"/v1/chat/completions", "/tokenize"}, error_body(400, R"(No \"such\" roles.)")}};
  for (const auto& one : cases) {
    test_service s(with(one.file));
    http_client c(s.address());
    for (const auto& path : one.paths) {
      c.post(path, R"({"model":"smollm2","messages":[{"role":"user","content":"x"}]})");
      CHECK(told(c.read_answer()) == one.answer);
    }
    c.post("/v1/completions", completion(""));
    CHECK(c.read_answer().status == 200);
  }
}

TEST_CASE("the owner of a key is a tenant of the ledger") {
  if (skipped()) return;
  const temporary_text keys("alice sk-0123456789abcdef\nbob sk-fedcba9876543210\n");
  test_service s(toml("api_keys = \"" + keys.path() + "\"\n"));
  for (const auto* key : {"sk-0123456789abcdef", "sk-fedcba9876543210"})
    for (int i = 0; i < 2; ++i) CHECK(asked(s.address(), "/v1/completions", completion("\"user\":\"somebody\""), fmt::format("Authorization: Bearer {}\r\n", key)).status == 200);
  const auto tenants = [&] {
    const auto body = json::parse(got(s.address(), "/status", "Authorization: Bearer sk-0123456789abcdef\r\n").body);
    for (const auto& actor : body["actors"])
      if (actor["kind"] == "ledger") return actor["counters"]["tenants"].get<double>();
    return -1.0;
  };
  for (int i = 0; i < 100 && tenants() != 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20)); // entries are on their way
  CHECK(tenants() == 2);
}
