// Cut graphs compute what the whole graph computes: run shard by shard and rank by rank on the reference backend.
#include "model/graph/cut.hpp"
#include "null_backend/backend_session.hpp"
#include "null_backend/backends.hpp"
#include "null_backend/tiny_models.hpp"
#include "unit/model/reference_data.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace tokamak;
using namespace tokamak::test;

namespace {

constexpr std::uint32_t n_rows = 7;

/// A step of 7 tokens at the start of a sequence, all outputs wanted.
step_data first_step(const graph& g, std::uint32_t vocab_size) {
  step_data step(g.groups().size());
  sequence_rows rows{1, {}, {}, {}};
  for (std::uint32_t i = 0; i < n_rows; ++i)
    rows.tokens.push_back(static_cast<std::int32_t>(i * 31 % vocab_size));
  for (std::uint32_t i = 0; i < g.groups().size(); ++i) {
    const bool recurrent = g.groups()[i].kind == TK_GROUP_RECURRENT;
    rows.groups.push_back({0, recurrent ? std::vector<std::uint32_t>{1} : std::vector<std::uint32_t>{2, 0}, 0});
    if (recurrent)
      step.cache_op({TK_CACHE_CLEAR, i, 0, 0, 0, 1, 0, 0, nullptr, 0});
  }
  step.add(rows);
  step.want_all();
  return step;
}

std::unique_ptr<backend_session> session_of(backend_instance& backend, const graph& g, const graph_weights& weights) {
  return std::make_unique<backend_session>(backend, g.view(), weights.weights,
                                           std::vector<std::uint32_t>(g.groups().size(), 4));
}

std::vector<float> whole_logits(const tiny_model& m) {
  backend_instance backend(reference_backend());
  auto step = first_step(m.model.graph, m.model.vocab_size);
  return session_of(backend, m.model.graph, m.weights)->logits(step);
}

std::vector<std::string> all_files() {
  tiny_options options;
  options.layers = 5;
  return {tiny_llama_gguf(options), tiny_sliding_gguf(options), tiny_recurrent_gguf(options)};
}

/// A file of tests/reference_models.
std::string reference_model(const char* name) {
  auto gguf = read_whole(std::string(REFERENCE_MODELS) + "/" + name + ".gguf");
  REQUIRE(!gguf.empty());
  return gguf;
}

using rows_by_name = std::map<std::string, std::vector<float>>;

/// Runs one part with the values it wants and adds what it gives.
void run_part(backend_instance& backend, const graph& part, const tiny_model& of,
              std::span<const weight_slice> slices, rows_by_name& values) {
  const auto weights = find_weights(part, *of.file, slices, of.model.parts);
  REQUIRE_MESSAGE(weights, weights.error().to_string());
  const auto session = session_of(backend, part, *weights);
  for (const auto& value : part.values())
    if ((value.flags & TK_VALUE_INPUT) != 0)
      session->set_input(value.name, values.at(value.name));
  auto step = first_step(part, of.model.vocab_size);
  for (auto& [name, rows] : session->run(step))
    values[name] = std::move(rows);
}

/// The largest difference between the whole model's logits and those of ranks that add their partial sums.
double worst_of_ranks(const tiny_model& m, std::uint32_t ranks) {
  const auto expected = whole_logits(m);
  backend_instance backend(reference_backend());
  std::vector<sliced_graph> sliced;
  std::vector<std::vector<collective_segment>> segments;
  std::vector<rows_by_name> values(ranks);
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    auto part = slice_tensor(m.model.graph, rank, ranks);
    REQUIRE_MESSAGE(part, part.error().to_string());
    const auto valid = part->part.validate();
    REQUIRE_MESSAGE(valid, valid.error().to_string());
    segments.push_back(cut_collectives(part->part).value());
    sliced.push_back(std::move(*part));
  }
  REQUIRE(segments[0].size() > 4);
  for (std::size_t s = 0; s < segments[0].size(); ++s) {
    std::vector<float> sum;
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      const auto& segment = segments[rank][s];
      run_part(backend, segment.part, m, sliced[rank].slices, values[rank]);
      if (segment.partial.empty())
        continue;
      const auto& partial = values[rank].at(segment.partial);
      sum.resize(partial.size());
      for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += partial[i];
    }
    for (std::uint32_t rank = 0; rank < ranks; ++rank)
      if (!segments[rank][s].partial.empty())
        values[rank][segments[rank][s].reduced] = sum;
  }
  double worst = 0;
  for (const auto& of_rank : values) {
    const auto& logits = of_rank.at("logits");
    REQUIRE(logits.size() == expected.size());
    for (std::size_t i = 0; i < logits.size(); ++i)
      worst = std::max(worst, std::abs(double{logits[i]} - expected[i]));
  }
  return worst;
}

} // namespace

TEST_CASE("a pipeline of shards gives the whole model's logits, bit for bit") {
  auto files = all_files();
  files.push_back(reference_model("gemma3"));
  files.push_back(reference_model("phi3"));
  for (const auto& file : files) {
    const auto m = tiny_model::of(file, {TK_F32, 4});
    const auto expected = whole_logits(m);
    for (std::uint32_t n = 1; n <= std::min(m.model.n_layers, 5U); ++n) {
      const auto shards = cut_layers(m.model.graph, n);
      REQUIRE_MESSAGE(shards, shards.error().to_string());
      backend_instance backend(reference_backend());
      rows_by_name values;
      for (const auto& shard : *shards)
        run_part(backend, shard.part, m, {}, values);
      CHECK(values.at("logits") == expected);
    }
  }
}

TEST_CASE("tensor-parallel ranks with summed partials give the whole model's logits") {
  for (const tk_format format : {TK_F32, TK_Q8_0}) {
    tiny_options options;
    options.width = 192; // heads of 32: blocks of 32 end with heads
    options.heads = 6;
    options.kv_heads = 3;
    options.ffn = 128;
    options.layers = 4;
    options.weights = format;
    for (const auto& file : {tiny_llama_gguf(options), tiny_sliding_gguf(options), tiny_recurrent_gguf(options)})
      for (const std::uint32_t ranks : {2U, 3U})
        CHECK(worst_of_ranks(tiny_model::of(file, {TK_F32, 4}), ranks) < 1e-4);
  }
  for (const char* name : {"llama_biased", "qwen3", "phi3"})
    CHECK(worst_of_ranks(tiny_model::of(reference_model(name), {TK_F32, 4}), 2) < 1e-4);
}
