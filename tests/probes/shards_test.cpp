// Probes: pipeline steps in flight over two shards, a tensor-parallel collective, memory the host cannot read, and an
// answer resumed elsewhere.
#include "probes/probe.hpp"

using namespace tokamak;
using namespace tokamak::probe;

namespace {

const char* cut(const char* kind) {
  static std::string text;
  text = fmt::format("backend = \"reference\"\nshards = {{ kind = \"{}\", count = 2 }}\n", kind);
  return text.c_str();
}

} // namespace

TEST_CASE("an engine cut by layers over two shards gives the tokens of one, with two steps in flight") {
  const temporary_file model(test::tiny_llama_gguf());
  const auto one = tiny_toml(model, "backend = \"reference\"\n");
  test::test_service s(tiny_toml(model, cut("layers")));
  owner o(s.system(), s->pool("m"));
  for (std::uint64_t id = 1; id <= 6; ++id) o.open(id, prompt_of(5 + id, static_cast<std::int32_t>(id)), 8);
  for (std::uint64_t id = 1; id <= 6; ++id)
    CHECK(o.finished(id).tokens == answer_of(one, prompt_of(5 + id, static_cast<std::int32_t>(id)), 8));
}

TEST_CASE("two tensor-parallel shards exchange partial sums and agree with one") {
  const temporary_file model(test::tiny_llama_gguf());
  const auto prompt = prompt_of(13);
  CHECK(answer_of(tiny_toml(model, cut("tensor")), prompt, 10) == answer_of(tiny_toml(model, "backend = \"reference\"\n"), prompt, 10));
}

TEST_CASE("a device whose memory the host cannot read, and which completes later, gives the same tokens") {
  const temporary_file model(test::tiny_llama_gguf());
  const auto prompt = prompt_of(21);
  const auto expected_tokens = answer_of(tiny_toml(model, "backend = \"reference\"\n"), prompt, 12);
  CHECK(answer_of(tiny_toml(model, "backend = \"fake_device\"\n"), prompt, 12) == expected_tokens);
}

TEST_CASE("an answer is resumed elsewhere from its delivered tokens, greedy and with a seed") {
  const temporary_file model(test::tiny_llama_gguf());
  const auto toml = tiny_toml(model, "backend = \"cpu\"\n");
  for (const float temperature : {0.0f, 0.9f}) {
    const auto settings = [&](wire::OpenT& m) {
      m.sampling = std::make_unique<wire::SamplingT>();
      m.sampling->temperature = temperature;
      m.sampling->seed = 4711;
    };
    std::vector<std::int32_t> whole;
    {
      test::test_service s(toml);
      owner o(s.system(), s->pool("m"));
      o.open(1, prompt_of(10), 20, settings);
      whole = o.finished(1).tokens;
    }
    test::test_service elsewhere(toml);
    owner o(elsewhere.system(), elsewhere->pool("m"));
    o.open(1, prompt_of(10), 12, [&](wire::OpenT& m) {
      settings(m);
      m.delivered.assign(whole.begin(), whole.begin() + 8);
      m.attempt = 1;
    });
    CHECK(o.finished(1).tokens == std::vector(whole.begin() + 8, whole.end()));
  }
}
