// `tokamak score`: what it prints, how far that is from the reference distributions, and what is wrong with a
// line.
#include "child_process.hpp"
#include "test_service.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <map>

using namespace tokamak;
using nlohmann::json;

namespace {

struct outcome {
  int status;
  std::vector<json> lines;
  std::string err;
};

outcome score(const std::string& lines, const std::string& flags = {}, const std::string& model = test::smollm2_path()) {
  char name[] = "/tmp/tokamak_score_XXXXXX";
  close(mkstemp(name));
  std::ofstream(name, std::ios::binary) << lines;
  test::child_process p({"/bin/sh", "-c", test::tokamak_program() + " score " + model + " " + flags + " < " + name});
  const auto status = p.wait();
  std::filesystem::remove(name);
  outcome o{status, {}, p.err()};
  std::istringstream out(p.out());
  for (std::string line; std::getline(out, line);) o.lines.push_back(json::parse(line));
  return o;
}

/// Of one position: sum over the listed tokens of p (ln p - ln q), and the same for the rest taken as one token.
double divergence(const json& ids, const json& logprobs, const std::map<int, double>& q) {
  double sum = 0, p_rest = 1, q_rest = 1;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const double lp = logprobs[i], p = std::exp(lp);
    const auto found = q.find(ids[i]);
    const double lq = found == q.end() ? -20 : found->second;
    sum += p * (lp - lq);
    p_rest -= p;
    q_rest -= std::exp(lq);
  }
  if (p_rest > 1e-9 && q_rest > 1e-9) sum += p_rest * (std::log(p_rest) - std::log(q_rest));
  return sum;
}

struct agreement {
  std::size_t positions = 0;
  double divergence = 0; ///< mean
  double same_first = 0; ///< share
  double nll_gap = 0;    ///< mean
};

agreement compare(const std::string& model, const std::string& reference_file) {
  std::ifstream in(reference_file);
  std::string asked;
  std::vector<json> reference;
  for (std::string line; std::getline(in, line);) {
    reference.push_back(json::parse(line));
    asked += json{{"ids", reference.back()["ids"]}}.dump() + "\n";
  }
  const auto got = score(asked, "--top 255", model);
  CHECK(got.err == "");
  REQUIRE(got.status == 0);
  REQUIRE(got.lines.size() == reference.size());
  double sum = 0, nll_gap = 0;
  std::size_t positions = 0, same = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const auto &want = reference[i], &have = got.lines[i];
    CHECK(have["ids"] == want["ids"]);
    REQUIRE(have["nll"].size() == want["nll"].size());
    REQUIRE(have["top_ids"].size() == want["ids"].size());
    for (std::size_t p = 0; p < want["nll"].size(); ++p) nll_gap += have["nll"][p].get<double>() - want["nll"][p].get<double>();
    for (std::size_t p = 0; p < want["top_ids"].size(); ++p) {
      std::map<int, double> q;
      for (std::size_t k = 0; k < have["top_ids"][p].size(); ++k) q[have["top_ids"][p][k]] = have["top_logprobs"][p][k];
      sum += divergence(want["top_ids"][p], want["top_logprobs"][p], q);
      same += want["top_ids"][p][0] == have["top_ids"][p][0];
      ++positions;
    }
  }
  const auto n = static_cast<double>(positions);
  return {positions, sum / n, static_cast<double>(same) / n, nll_gap / n};
}

bool there(const std::string& model, const std::string& reference_file) {
  const bool both = test::exists(model) && test::exists(reference_file);
  if (!both) MESSAGE("the model or its reference ", reference_file, " is not there; skipped");
  return both;
}

} // namespace

// Bounds: llama.cpp's own distance from the same references (0.00233 and 0.00415; tests/bench/compare_answers.py
// measures both sides) and a tenth, which leaves room for another processor's order of additions.
TEST_CASE("SmolLM2's scores stay near the fp32 reference") {
  const auto file = test::shared_path("reference/smollm2.jsonl");
  if (!there(test::smollm2_path(), file)) return;
  const auto got = compare(test::smollm2_path(), file);
  CHECK(got.positions == 606);
  CHECK(got.divergence < 0.00256);
  CHECK(got.same_first > 0.967);
  CHECK(std::abs(got.nll_gap) < 0.01);
}

TEST_CASE("Gemma 3's scores stay near the fp32 reference") {
  const auto file = test::shared_path("reference/gemma3.jsonl");
  const auto model = test::gemma3_path();
  if (!there(model, file)) return;
  const auto got = compare(model, file);
  CHECK(got.positions == 636);
  CHECK(got.divergence < 0.00456);
  CHECK(got.same_first > 0.938);
  CHECK(std::abs(got.nll_gap) < 0.01);
}

TEST_CASE("texts are tokenised with their special tokens; --top limits the lists; a line of nothing is answered with nothing") {
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not there; skipped");
    return;
  }
  const auto got = score("{\"text\":\"<|im_start|>user\"}\n{\"ids\":[1]}\n{\"text\":\"\"}\n", "--top 3");
  CHECK(got.err == "");
  REQUIRE(got.lines.size() == 3);
  CHECK(got.lines[0]["ids"] == json{1, 4093});
  CHECK(got.lines[0]["nll"].size() == 1);
  CHECK(got.lines[0]["top_ids"].size() == 2);
  CHECK(got.lines[0]["top_ids"][0].size() == 3);
  CHECK(got.lines[0]["top_logprobs"][1].size() == 3);
  CHECK(got.lines[1]["nll"].empty());
  CHECK(got.lines[1]["top_ids"] == json{got.lines[0]["top_ids"][0]}); // the same position
  CHECK(got.lines[2]["ids"].empty());
  CHECK(got.lines[2]["top_ids"].empty());
  const auto none = score("{\"ids\":[1, 4093]}\n", "--top 0");
  REQUIRE(none.lines.size() == 1);
  CHECK(none.lines[0]["nll"] == got.lines[0]["nll"]);
  CHECK(none.lines[0]["top_ids"] == json{json::array(), json::array()});
}

TEST_CASE("a line that cannot be scored ends it and is named") {
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not there; skipped");
    return;
  }
  const auto fails = [](const std::string& line, const std::string& message) {
    const auto got = score("{\"ids\":[1]}\n" + line + "\n");
    CHECK(got.status == 1);
    CHECK(got.lines.size() == 1);
    CHECK(got.err == "tokamak: line 2: " + message + "\n");
  };
  fails("[]", "not a JSON object (invalid_argument)");
  fails("{}", "no \"text\" in the object; expected {\"text\": \"…\"} (invalid_argument)");
  fails("{\"ids\":[49152]}", "id 49152 is outside the vocabulary of 49152 (invalid_argument)");
  std::string many = "{\"ids\":[1";
  for (int i = 0; i < 8192; ++i) many += ",2";
  fails(many + "]}", "8193 tokens do not fit the context of 8192 tokens (too_large)");
}
