// Probe: a constraint holds an answer from its first token on, wherever it goes on: resumed, forked, truncated, steered, cut over shards.
#include "probes/probe.hpp"

#include <set>

using namespace tokamak;
using namespace tokamak::probe;

namespace {

constexpr std::int32_t ga = 264; // tokens are bytes, but for a few pairs of letters

std::function<void(wire::OpenT&)> held_to(const std::string& words, const std::function<void(wire::OpenT&)>& more = {}) {
  return [=](wire::OpenT& m) {
    m.constraint = std::make_unique<wire::ConstraintT>();
    m.constraint->plugin = "alternatives";
    m.constraint->text = words;
    if (more) more(m);
  };
}

constexpr auto words = "elephant|eleven|elegance|oyster|ox";

bool is_word(const std::string& text) { return std::string("|").append(words).append("|").find("|" + text + "|") != std::string::npos; }

std::vector<std::int32_t> tokens_of(const std::string& text) { return {text.begin(), text.end()}; }

std::string held_engine(const std::string& more = {}) { return "backend = \"reference\"\nconstraints = [\"alternatives\"]\n" + more; }

} // namespace

TEST_CASE("an answer is one of the words, greedy or drawn, and ends by itself") {
  const temporary_file model(test::tiny_llama_gguf());
  for (const std::string more : {"", "shards = { kind = \"layers\", count = 2 }\n", "shards = { kind = \"tensor\", count = 2 }\n"}) {
    test::test_service s(tiny_toml(model, held_engine(more)));
    owner o(s.system(), s->endpoint("m"));
    std::set<std::string> told;
    for (std::uint64_t i = 1; i <= 24; ++i) {
      o.open(i, prompt_of(9), 32, held_to(words, [&](wire::OpenT& m) {
        m.sampling = std::make_unique<wire::SamplingT>();
        m.sampling->temperature = i % 4 == 0 ? 0 : 3;
        m.sampling->seed = i;
      }));
      const auto& out = o.finished(i);
      CHECK(out.error == "");
      CHECK(out.finish == wire::FinishReason::stop);
      CHECK_MESSAGE(is_word(out.text), out.text);
      told.insert(out.text);
    }
    CHECK(told.size() > 1);
  }
}

TEST_CASE("many at a time say what one says, with others that are not held") {
  const temporary_file model(test::tiny_llama_gguf());
  test::test_service s(tiny_toml(model, held_engine()));
  owner o(s.system(), s->pool("m"));
  const auto drawn = [](std::uint64_t seed) {
    return [=](wire::OpenT& m) {
      m.sampling = std::make_unique<wire::SamplingT>();
      m.sampling->temperature = 3;
      m.sampling->seed = seed;
    };
  };
  std::vector<std::string> alone;
  for (std::uint64_t i = 0; i < 8; ++i) {
    o.open(i + 1, prompt_of(9, static_cast<std::int32_t>(i)), 16, i % 2 ? held_to(words, drawn(i)) : drawn(i));
    alone.push_back(o.finished(i + 1).text);
  }
  for (std::uint64_t i = 0; i < 8; ++i) o.open(i + 101, prompt_of(9, static_cast<std::int32_t>(i)), 16, i % 2 ? held_to(words, drawn(i)) : drawn(i));
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(o.finished(i + 101).text == alone[i]);
}

TEST_CASE("an answer goes on from the tokens that were delivered") {
  const temporary_file model(test::tiny_llama_gguf());
  test::test_service s(tiny_toml(model, held_engine()));
  owner o(s.system(), s->pool("m"));
  o.open(1, prompt_of(9), 32, held_to(words));
  const auto whole = o.finished(1).tokens;
  REQUIRE(whole.size() > 1);
  for (std::size_t n = 1; n <= whole.size(); ++n) {
    o.open(n + 1, prompt_of(9), 32, held_to(words, [&](wire::OpenT& m) { m.delivered.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)); }));
    const auto& rest = o.finished(n + 1);
    CHECK(rest.error == "");
    CHECK(rest.finish == wire::FinishReason::stop);
    auto joined = std::vector(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    joined.insert(joined.end(), rest.tokens.begin(), rest.tokens.end());
    CHECK(joined == whole);
  }
}

TEST_CASE("what is forced counts as answer, and forks and truncations keep to the words") {
  const temporary_file model(test::tiny_llama_gguf());
  test::test_service s(tiny_toml(model, held_engine()));
  owner o(s.system(), s->pool("m"));
  o.open(1, prompt_of(9), 0, held_to(words));
  o.extend(1, 1, tokens_of("ele"), 8);
  const auto& next = o.answered(1, 1).ids;
  CHECK(std::set(next.begin(), next.end()) == std::set<std::int32_t>{'p', 'v', 'g', ga});
  o.fork(1, 2, 9 + 3);
  o.generate(2, 2, 32);
  CHECK(o.finished(2).finish == wire::FinishReason::stop);
  CHECK(is_word("ele" + o.of[2].text));
  o.truncate(1, 9);
  o.extend(1, 3, tokens_of("oy"), 8);
  CHECK(o.answered(1, 3).ids == std::vector<std::int32_t>{'s'});
  o.generate(1, 4, 32);
  CHECK(o.finished(1).text == "ster");
}

TEST_CASE("what the words do not allow fails with a sentence, alone") {
  const temporary_file model(test::tiny_llama_gguf());
  test::test_service s(tiny_toml(model, held_engine()));
  owner o(s.system(), s->pool("m"));
  o.open(1, prompt_of(9), 0, held_to(words));
  o.extend(1, 1, tokens_of("cat"), 8);
  o.open(2, prompt_of(9), 32, held_to(words));
  CHECK(o.finished(1).error == "token 0 of the answer is not what its constraint allows");
  CHECK(is_word(o.finished(2).text));
}

TEST_CASE("a text that is wrong, and a constraint that nobody has, are refused before anything runs") {
  const temporary_file model(test::tiny_llama_gguf());
  test::test_service s(tiny_toml(model, held_engine()));
  owner o(s.system(), s->endpoint("m"));
  o.open(1, prompt_of(9), 32, held_to("ox||"));
  CHECK(o.finished(1).error == "character 3: nothing found, a word expected");
  o.open(2, prompt_of(9), 32, [](wire::OpenT& m) {
    m.constraint = std::make_unique<wire::ConstraintT>();
    m.constraint->plugin = "json_schema";
  });
  CHECK(o.finished(2).error == "the service has no constraint 'json_schema'; 'alternatives' expected");
  test::test_service none(tiny_toml(model, "backend = \"reference\"\nconstraints = []\n"));
  owner other(none.system(), none->endpoint("m"));
  other.open(1, prompt_of(9), 32, held_to(words));
  CHECK(other.finished(1).error == "the service has no constraint 'alternatives'; none expected");
}
