// The reference models served: through scheduler, paged cache and shards, however the engine is cut, prompts are
// chunked and prefixes cached, the next token is transformers' first choice.
#include "probes/probe.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

using namespace tokamak;
using namespace tokamak::probe;

namespace {

/// Ends of texts whose next token is sure: 16-bit cache entries cannot turn it.
struct question {
  std::vector<std::int32_t> prompt;
  std::int32_t answer;
};

std::string read(const std::string& model, const char* ending) {
  std::ifstream in(std::string(REFERENCE_MODELS) + "/" + model + ending, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<question> questions_of(const std::string& model) {
  const auto text = nlohmann::json::parse(read(model, ".json"))[0];
  const std::vector<std::int32_t> ids = text["ids"];
  std::vector<question> questions;
  for (std::size_t n = 1; n <= ids.size(); ++n) {
    std::vector<double> logprobs = text["logprobs"][n - 1];
    const auto best = std::max_element(logprobs.begin(), logprobs.end()) - logprobs.begin();
    std::nth_element(logprobs.begin(), logprobs.begin() + 1, logprobs.end(), std::greater<>());
    if (logprobs[0] - logprobs[1] > 0.1)
      questions.push_back({{ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n)},
                           static_cast<std::int32_t>(best)});
  }
  return questions;
}

void ask_all(const std::string& model, const std::string& engine_options) {
  CAPTURE(model);
  CAPTURE(engine_options);
  const temporary_file file(read(model, ".gguf"));
  test::test_service s(tiny_toml(file, engine_options));
  owner o(s.system(), s->pool("m"));
  const auto questions = questions_of(model);
  REQUIRE(questions.size() > 10);
  std::uint64_t id = 1;
  for (const auto& q : questions)
    o.open(id++, q.prompt, 1); // together
  for (const auto& q : questions)
    o.open(id++, q.prompt, 1); // and again, with what is cached by then
  id = 1;
  for (int round = 0; round < 2; ++round)
    for (const auto& q : questions) {
      const auto& got = o.finished(id++);
      CHECK(got.error == "");
      CHECK(got.tokens == std::vector<std::int32_t>{q.answer});
    }
}

} // namespace

TEST_CASE("served models answer with transformers' first choice, whole and cut by layers") {
  for (const std::string model :
       {"llama", "mistral", "qwen2", "qwen3", "gemma3", "gemma3_capped", "phi3", "phi3_longrope"})
    for (const std::string options :
         {"threads = 2\n", "max_step_rows = 3\n", "shards = { kind = \"layers\", count = 2 }\n"})
      ask_all(model, options);
}

TEST_CASE("served models answer with transformers' first choice when their heads are shared out") {
  for (const std::string model : {"llama_biased", "mistral", "qwen2", "qwen3", "phi3"})
    ask_all(model, "shards = { kind = \"tensor\", count = 2 }\n");
}
