// The llama graph and the reference backend together on real weights, against an independent fp32 run
// (shared/reference/README.md): the oracle is held to an oracle.
#include "null_backend/backend_session.hpp"
#include "null_backend/backends.hpp"
#include "model/architectures/architecture.hpp"
#include "model/architectures/weights.hpp"
#include "unit/model/reference_data.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cmath>

using namespace tokamak;
using namespace tokamak::test;

TEST_CASE("SmolLM2 on the reference backend agrees with the fp32 reference to rounding") {
  const auto model_path = smollm2_path(), data_path = shared_path("reference/smollm2.jsonl");
  if (!exists(model_path) || !exists(data_path)) {
    MESSAGE("no ", model_path, " or ", data_path, ": case left out");
    return;
  }
  const auto file = gguf_file::open(model_path);
  REQUIRE(file);
  const auto model = build_model_graph(*file, {TK_F32, 16});
  REQUIRE(model);
  const auto weights = find_weights(model->graph, *file);
  REQUIRE(weights);
  backend_instance backend(reference_backend());
  backend_session session(backend, model->graph.view(), weights->weights, {4});

  std::ifstream lines(data_path);
  std::string line;
  REQUIRE(std::getline(lines, line));
  const auto reference = nlohmann::json::parse(line);
  constexpr std::size_t n = 12;
  sequence_rows rows{1, {}, {{0, {2, 0, 3}, 0}}, {}};
  for (std::size_t i = 0; i < n; ++i)
    rows.tokens.push_back(reference["ids"][i].get<std::int32_t>());
  step_data step(1);
  step.add(rows);
  step.want_all();
  const auto logits = session.logits(step);

  for (std::size_t i = 0; i < n; ++i) {
    const auto* row = logits.data() + i * model->vocab_size;
    double sum = 0;
    for (std::uint32_t v = 0; v < model->vocab_size; ++v)
      sum += std::exp(double{row[v]});
    for (std::size_t top = 0; top < 8; ++top) {
      const auto token = reference["top_ids"][i][top].get<std::size_t>();
      CHECK(row[token] - std::log(sum) == doctest::Approx(reference["top_logprobs"][i][top].get<double>()).epsilon(2e-4));
    }
  }
}
