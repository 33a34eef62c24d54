// `tokamak tokenize` with SmolLM2's vocabulary: lines in, lines out, back again, and what is wrong with a line.
#include "child_process.hpp"
#include "temporary_text.hpp"
#include "test_service.hpp"


using namespace tokamak;

namespace {

struct outcome {
  int status;
  std::string out, err;
};

outcome tokenize(const std::string& lines, const std::string& flags = {}) {
  const test::temporary_text input(lines);
  test::child_process p({"/bin/sh", "-c", test::tokamak_program() + " tokenize " + test::smollm2_path() + " " + flags + " < " + input.path()});
  const auto status = p.wait();
  return {status, p.out(), p.err()};
}

} // namespace

TEST_CASE("lines of text become lines of ids, and these the same text again") {
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not there; skipped");
    return;
  }
  const std::string lines = "{\"text\":\"Hello world\"}\n{\"text\":\"\"}\n\n{\"text\":\"<|im_start|>user\\nÄ\xF0\x9F\x99\x82 naïve\"}\n";
  const auto ids = tokenize(lines);
  CHECK(ids.err == "");
  CHECK(ids.status == 0);
  CHECK(ids.out.starts_with("{\"ids\":[19556,905]}\n{\"ids\":[]}\n{\"ids\":[1,"));
  CHECK(tokenize(ids.out, "--decode").out == "{\"text\":\"Hello world\"}\n{\"text\":\"\"}\n{\"text\":\"<|im_start|>user\\nÄ\xF0\x9F\x99\x82 naïve\"}\n");
  // As text, the control token falls into pieces.
  CHECK(!tokenize("{\"text\":\"<|im_start|>\"}\n", "--plain").out.starts_with("{\"ids\":[1]"));
}

TEST_CASE("a bad line ends it with the line's number, after the answers to those before") {
  if (!test::exists(test::smollm2_path())) return;
  const auto fails = [](const std::string& line, const std::string& flags, const std::string& message) {
    const auto r = tokenize((flags.empty() ? "{\"text\":\"Hello\"}\n" : "{\"ids\":[19556]}\n") + line + "\n", flags);
    CHECK(r.status == 1);
    CHECK(r.out == (flags.empty() ? "{\"ids\":[19556]}\n" : "{\"text\":\"Hello\"}\n"));
    CHECK(r.err == "tokamak: line 2: " + message + " (invalid_argument)\n");
  };
  fails("Hello", "", "not a JSON object");
  fails("{\"text\":1}", "", "no \"text\" in the object; expected {\"text\": \"…\"}");
  fails("{\"text\":\"x\"}", "--decode", "no \"ids\" in the object; expected {\"ids\": [1, 2, …]}");
  fails("{\"ids\":[49152]}", "--decode", "id 49152 is outside the vocabulary of 49152");
  fails("{\"ids\":[-1]}", "--decode", "id -1 is outside the vocabulary of 49152");
  fails("{\"ids\":[1.5]}", "--decode", "id 1.5 is outside the vocabulary of 49152");
}
