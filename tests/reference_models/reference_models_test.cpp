// Every architecture and variant against Hugging Face transformers: log-probabilities of all tokens at all positions of
// texts longer than windows and original contexts, on the reference backend and on the cpu backend at each level.
#include "unit/cpu_backend/loaded_backend.hpp"
#include "unit/model/reference_data.hpp"
#include "unit/null_backend/model_runner.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cmath>

using namespace tokamak;
using namespace tokamak::test;

namespace {

/// Expectations are rounded to 1e-6, and both sides compute in f32.
constexpr double tolerance = 5e-5;

const std::vector<std::string> models = {"llama", "llama_biased", "llama_linear", "llama_yarn", "llama3",
                                         "mistral", "qwen2", "qwen2_yarn", "qwen3", "gemma3",
                                         "gemma3_capped", "phi3", "phi3_longrope"};

struct text {
  std::uint32_t context_length;
  std::vector<std::int32_t> ids;
  std::vector<std::vector<double>> logprobs; ///< [position][token]
};

std::string path_of(const std::string& model, const char* ending) {
  return std::string(REFERENCE_MODELS) + "/" + model + ending;
}

std::vector<text> texts_of(const std::string& model) {
  std::vector<text> texts;
  for (const auto& t : nlohmann::json::parse(read_whole(path_of(model, ".json"))))
    texts.push_back({t["context_length"], t["ids"], t["logprobs"]});
  return texts;
}

/// Largest difference of a log-probability when the text is computed `chunk` tokens a step.
double worst_difference(model_runner& runner, const text& t, std::size_t chunk) {
  auto sequence = runner.open(1);
  double worst = 0;
  for (std::size_t begin = 0; begin < t.ids.size(); begin += chunk) {
    const auto end = std::min(t.ids.size(), begin + chunk);
    const auto logits = runner.feed(sequence, {t.ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                               t.ids.begin() + static_cast<std::ptrdiff_t>(end)});
    REQUIRE(logits.size() == (end - begin) * t.logprobs[0].size());
    for (std::size_t i = begin; i < end; ++i) {
      const auto* row = logits.data() + (i - begin) * runner.vocab();
      double sum = 0;
      for (std::uint32_t v = 0; v < runner.vocab(); ++v)
        sum += std::exp(double{row[v]});
      for (std::uint32_t v = 0; v < runner.vocab(); ++v) {
        const auto difference = std::abs(row[v] - std::log(sum) - t.logprobs[i][v]);
        worst = difference <= worst ? worst : difference; // NaN stays
      }
    }
  }
  return worst;
}

/// All models, each text whole, in chunks of 5, and token by token.
void compare_all(const tk_backend& table, const tk_host* host) {
  double worst = 0;
  for (const auto& model : models)
    for (const auto& t : texts_of(model))
      for (const std::size_t chunk : {t.ids.size(), std::size_t{5}, std::size_t{1}}) {
        CAPTURE(model);
        CAPTURE(chunk);
        model_runner runner(read_whole(path_of(model, ".gguf")), table, {TK_F32, 4, t.context_length}, host);
        const auto difference = worst_difference(runner, t, chunk);
        CHECK(difference < tolerance);
        worst = std::max(worst, difference);
      }
  MESSAGE("largest difference of a log-probability: ", worst);
}

} // namespace

TEST_CASE("every architecture gives transformers' log-probabilities on the reference backend") {
  compare_all(reference_backend(), nullptr);
}

TEST_CASE("every architecture gives transformers' log-probabilities on the cpu backend at every level") {
  const auto host = cpu_test::host_of(2);
  REQUIRE(!cpu_test::levels().empty());
  for (const std::string level : cpu_test::levels()) {
    CAPTURE(level);
    setenv("TOKAMAK_CPU", level.c_str(), 1);
    compare_all(*cpu_test::backend::table(), &host);
    unsetenv("TOKAMAK_CPU");
  }
}

TEST_CASE("each model's texts reach past what makes it special") {
  const auto window = [](const std::string& model) {
    const auto made = tiny_model::of(read_whole(path_of(model, ".gguf")));
    std::vector<std::uint32_t> windows;
    for (const auto& group : made.model.graph.groups())
      windows.push_back(group.window);
    return windows;
  };
  CHECK(window("llama") == std::vector<std::uint32_t>{0});
  CHECK(window("mistral") == std::vector<std::uint32_t>{7});
  CHECK(window("phi3") == std::vector<std::uint32_t>{9});
  CHECK(window("gemma3") == std::vector<std::uint32_t>{0, 6});
  CHECK(window("gemma3_capped") == std::vector<std::uint32_t>{0, 6});
  for (const auto& model : models)
    CHECK(texts_of(model)[0].ids.size() == 40);
}
