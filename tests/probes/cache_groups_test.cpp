// Probes: a sliding window beside full attention; recurrent state with fork and truncate; forks that share blocks.
#include "probes/probe.hpp"

using namespace tokamak;
using namespace tokamak::probe;

TEST_CASE("a sliding-window group beside a full one gives the same tokens however it is chunked, cached and given back") {
  test::register_tiny_architectures();
  const temporary_file model(test::tiny_sliding_gguf());
  const auto prompt = prompt_of(40);
  const auto whole = answer_of(tiny_toml(model, "backend = \"reference\"\n"), prompt, 30);
  CHECK(whole.size() == 30);
  CHECK(answer_of(tiny_toml(model, "backend = \"reference\"\nmax_step_rows = 3\n"), prompt, 30) == whole);
  test::test_service s(tiny_toml(model, "backend = \"reference\"\n"));
  owner o(s.system(), s->pool("m"));
  o.open(1, prompt, 30);
  CHECK(o.finished(1).tokens == whole);
  o.open(2, prompt, 30);
  CHECK(o.finished(2).tokens == whole);
  CHECK(o.of[2].cached_tokens == 36); // nine blocks of four; the last token is always computed
}

TEST_CASE("a model with recurrent state can be forked, and truncated by computing it anew") {
  test::register_tiny_architectures();
  const temporary_file model(test::tiny_recurrent_gguf());
  const auto toml = tiny_toml(model, "backend = \"reference\"\n");
  const auto prompt = prompt_of(11);
  const auto whole = answer_of(toml, prompt, 12);
  test::test_service s(toml);
  owner o(s.system(), s->pool("m"));
  o.open(1, prompt, 0);
  o.generate(1, 1, 5);
  o.fork(1, 2);        // at the end of the five
  o.generate(1, 2, 7); // the parent goes on
  o.generate(2, 3, 7); // so does the child, from the same state
  o.truncate(1, 11);   // back to the prompt
  o.generate(1, 4, 12);
  o.until([&] { return o.of[1].tokens.size() == 24 && o.of[2].tokens.size() == 7; });
  const auto& parent = o.of[1].tokens;
  CHECK(std::vector(parent.begin(), parent.begin() + 12) == whole);
  CHECK(o.of[2].tokens == std::vector(whole.begin() + 5, whole.end()));
  CHECK(std::vector(parent.begin() + 12, parent.end()) == whole);
  o.close(1);
  o.close(2);
}

TEST_CASE("forks share blocks until they write, and a forked sequence survives its parent") {
  const temporary_file model(test::tiny_llama_gguf());
  const auto toml = tiny_toml(model, "backend = \"cpu\"\n");
  const auto prompt = prompt_of(18); // four whole blocks and half of one
  test::test_service s(toml);
  owner o(s.system(), s->pool("m"));
  o.open(1, prompt, 0);
  o.fork(1, 2);
  o.fork(1, 3, 10);
  o.extend(2, 1, {7, 8}, 0);
  o.generate(2, 2, 6);
  o.generate(1, 3, 6);
  o.extend(3, 4, {9}, 0);
  o.generate(3, 5, 6);
  o.until([&] { return o.of[1].tokens.size() == 6; });
  o.close(1);
  o.until([&] { return o.of[2].tokens.size() == 6 && o.of[3].tokens.size() == 6; });
  auto second = prompt, third = std::vector(prompt.begin(), prompt.begin() + 10);
  second.insert(second.end(), {7, 8});
  third.push_back(9);
  CHECK(o.of[1].tokens == answer_of(toml, prompt, 6));
  CHECK(o.of[2].tokens == answer_of(toml, second, 6));
  CHECK(o.of[3].tokens == answer_of(toml, third, 6));
}

TEST_CASE("extend answers with the model's view of each position, and forced tokens count") {
  const temporary_file model(test::tiny_llama_gguf());
  test::test_service s(tiny_toml(model, "backend = \"reference\"\n"));
  owner o(s.system(), s->pool("m"));
  o.open(1, prompt_of(9), 0);
  o.extend(1, 1, {}, 5);
  const auto first = o.answered(1, 1);
  REQUIRE(first.ids.size() == 5);
  CHECK(first.logprobs[0] >= first.logprobs[1]);
  o.extend(1, 2, {first.ids[1]}, 3); // not the model's own choice
  const auto forced = o.answered(1, 2);
  auto longer = prompt_of(9);
  longer.push_back(first.ids[1]);
  o.open(2, longer, 1);
  CHECK(o.finished(2).tokens == std::vector{forced.ids[0]});
  o.generate(1, 3, 1);
  o.answered(1, 3);
  CHECK(o.of[1].tokens == std::vector{forced.ids[0]});
}
