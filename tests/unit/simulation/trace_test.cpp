// Traces: what a line may say, and where it is wrong.
#include "app/simulation/trace.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace tokamak;
using namespace tokamak::app;

namespace {

/// A trace of this text, read as the file "@" for endpoints a and b.
expected<load> read(const std::string& text) {
  const auto path = (std::filesystem::temp_directory_path() / fmt::format("tokamak_trace_{}", ::getpid())).string();
  std::ofstream(path, std::ios::binary) << text;
  auto made = read_trace(path, {"a", "b"}, 1);
  std::filesystem::remove(path);
  if (!made && made.error().where.starts_with(path)) made.error().where = "@" + made.error().where.substr(path.size());
  return made;
}

std::string problem(const std::string& text) {
  const auto made = read(text);
  return made ? "" : made.error().to_string();
}

} // namespace

TEST_CASE("a trace's requests come in its order, with endpoints and prefixes") {
  const auto made = read("{\"arrival\": 0, \"prompt_tokens\": 5, \"max_tokens\": 2}\n\n"
                         "{\"arrival\": 1.5, \"prompt_tokens\": 6, \"max_tokens\": 3, \"endpoint\": \"b\", \"prefix\": \"x\"}\n"
                         "{\"arrival\": 1.5, \"prompt_tokens\": 9, \"max_tokens\": 3, \"prefix\": \"x\", \"prefix_tokens\": 4}");
  REQUIRE(made.has_value());
  REQUIRE(made->requests.size() == 3);
  CHECK(made->requests[0].endpoint == 0);
  CHECK(made->requests[0].prefix == 0);
  CHECK(made->requests[1].arrival_us == 1'500'000);
  CHECK(made->requests[1].endpoint == 1);
  CHECK(made->requests[1].prefix == made->requests[2].prefix);
  CHECK(made->requests[1].prefix_tokens == 6);
  CHECK(made->requests[2].prefix_tokens == 4);
}

TEST_CASE("an empty trace has no requests") { CHECK(read("")->requests.empty()); }

TEST_CASE("a line that is no request is refused with its place") {
  const std::string good = "{\"arrival\": 1, \"prompt_tokens\": 5, \"max_tokens\": 2}\n";
  CHECK(problem(good + "x") == "@:2: not a JSON object (invalid_argument)");
  CHECK(problem("[]") == "@:1: not a JSON object (invalid_argument)");
  CHECK(problem("{}") == "@:1: no \"arrival\" (invalid_argument)");
  CHECK(problem("{\"arrival\": 1, \"max_tokens\": 2}") == "@:1: no \"prompt_tokens\" (invalid_argument)");
  CHECK(problem("{\"arrival\": -1, \"prompt_tokens\": 5, \"max_tokens\": 2}") ==
        "@:1: \"arrival\" is -1, expected seconds from 0 on (invalid_argument)");
  CHECK(problem("{\"arrival\": 1, \"prompt_tokens\": 0, \"max_tokens\": 2}") ==
        "@:1: \"prompt_tokens\" is 0, expected an integer from 1 to 16777216 (invalid_argument)");
  CHECK(problem("{\"arrival\": 1, \"prompt_tokens\": 5, \"max_token\": 2}") ==
        "@:1: unknown key \"max_token\"; did you mean 'max_tokens'? known: arrival, prompt_tokens, max_tokens, endpoint, prefix, "
        "prefix_tokens (invalid_argument)");
  CHECK(problem("{\"arrival\": 1, \"prompt_tokens\": 5, \"max_tokens\": 2, \"endpoint\": \"c\"}") ==
        "@:1: no endpoint 'c'; known: a, b (not_found)");
  CHECK(problem("{\"arrival\": 1, \"prompt_tokens\": 5, \"max_tokens\": 2, \"prefix\": 3}") ==
        "@:1: \"prefix\" is 3, expected a string (invalid_argument)");
  CHECK(problem(good + "{\"arrival\": 0.5, \"prompt_tokens\": 5, \"max_tokens\": 2}") ==
        "@:2: arrives before the request of the line before it (invalid_argument)");
}

TEST_CASE("a trace that is not there is named") {
  CHECK(read_trace("/nowhere/t.jsonl", {"a"}, 1).error().to_string() == "/nowhere/t.jsonl: cannot open the trace (not_found)");
}
