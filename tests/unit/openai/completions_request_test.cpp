// Completions: prompts of each kind, and what only they have.
#include "requests.hpp"

using namespace tokamak;
using namespace tokamak::frontend::openai;

namespace {

std::string refused(const std::string& fields) { return refusal(api::completions, completion_with(fields)); }
std::string bad_prompt(const std::string& prompt) { return refusal(api::completions, R"({"model":"m","prompt":)" + prompt + "}"); }
generation_request prompts(const std::string& prompt, const std::string& more = {}) {
  return accepted(api::completions, R"({"model":"m","prompt":)" + prompt + more + "}");
}

} // namespace

TEST_CASE("a text goes on with special tokens in front") {
  const auto r = prompts(R"("Once")");
  REQUIRE(r.opens.size() == 1);
  CHECK(r.opens[0].prompt->text == "Once");
  CHECK(r.opens[0].prompt->add_special);
  CHECK_FALSE(r.opens[0].prompt->parse_special);
  CHECK(r.opens[0].prompt->json_messages.empty());
  CHECK(r.opens[0].generate == rest_of_context);
  CHECK(r.opens[0].sampling->temperature == 1);
  CHECK_FALSE(prompts(R"("Once")", R"(,"add_special":false)").opens[0].prompt->add_special);
  CHECK_FALSE(prompts(R"("Once")", R"(,"add_special_tokens":false)").opens[0].prompt->add_special);
}

TEST_CASE("choices of several prompts are in the order of prompts") {
  const auto r = prompts(R"(["a","b"])", R"(,"n":2,"seed":5,"echo":true)");
  CHECK(r.prompts == 2);
  CHECK(r.choices == 2);
  CHECK(r.echo == std::vector<std::string>{"a", "b"});
  std::vector<std::string> order;
  for (const auto& o : r.opens) order.push_back(fmt::format("{}{}", o.prompt->text, *o.sampling->seed));
  CHECK(order == std::vector<std::string>{"a5", "a6", "b5", "b6"});
}

TEST_CASE("prompts may be token ids") {
  const auto one = prompts("[1,2,3]");
  CHECK(one.opens.size() == 1);
  CHECK(one.opens[0].prompt->tokens == std::vector<std::int32_t>{1, 2, 3});
  CHECK(one.opens[0].prompt->text.empty());
  const auto two = prompts("[[1,2],[3]]");
  REQUIRE(two.opens.size() == 2);
  CHECK(two.opens[1].prompt->tokens == std::vector<std::int32_t>{3});
}

TEST_CASE("a prompt that is none is told with its place") {
  CHECK(bad_prompt("null") == wrong + "prompt missing_required_parameter: 'prompt' is missing");
  CHECK(bad_prompt("\"\"") == wrong + "prompt invalid_value: 'prompt' must not be empty");
  CHECK(bad_prompt("[]") == wrong + "prompt invalid_value: 'prompt' must not be empty");
  CHECK(bad_prompt("[[1],[]]") == wrong + "prompt[1] invalid_value: 'prompt[1]' must not be empty");
  CHECK(bad_prompt("{}") == wrong + "prompt invalid_type: 'prompt' must be a string, an array of strings, an array of token ids or an array of those, got an object");
  CHECK(bad_prompt("[true]") == wrong + "prompt[0] invalid_type: 'prompt[0]' must be a string, a token id or an array of those, got a boolean");
  CHECK(bad_prompt(R"(["a",1])") == wrong + "prompt[1] invalid_type: 'prompt[1]' must be a string, as the first one is, got a number");
  CHECK(bad_prompt("[[1],2]") == wrong + "prompt[1] invalid_type: 'prompt[1]' must be an array of token ids, as the first one is, got a number");
  CHECK(bad_prompt("[1,-2]") == wrong + "prompt[1] invalid_type: 'prompt[1]' must be a token id, got a number");
  CHECK(bad_prompt("[1,2147483648]") == wrong + "prompt[1] invalid_type: 'prompt[1]' must be a token id, got a number");
  std::string many = "[\"a\"";
  for (int i = 0; i < 2048; ++i) many += ",\"a\"";
  CHECK(bad_prompt(many + "]") == wrong + "prompt invalid_value: 'prompt' must have at most 2048 prompts, got 2049");
}

TEST_CASE("more answers than one request may have are refused") {
  std::string many = "[\"a\"";
  for (int i = 0; i < 99; ++i) many += ",\"a\"";
  CHECK(refusal(api::completions, R"({"model":"m","n":128,"prompt":)" + many + "]}") ==
        wrong + "n invalid_value: 100 prompts with 'n' 128 are 12800 answers; at most 2048 expected");
}

TEST_CASE("fields of completions") {
  const auto r = accepted(api::completions, completion_with(R"("logprobs":0,"best_of":1,"suffix":"","max_tokens":16)"));
  CHECK(r.logprobs);
  CHECK(r.top_logprobs == 0);
  CHECK(r.opens.at(0).sampling->top_logprobs == 20);
  CHECK(r.opens.at(0).generate == 16);
  CHECK(accepted(api::completions, completion_with(R"("n_predict":3)")).opens.at(0).generate == 3);
  CHECK(accepted(api::completions, completion_with(R"("max_tokens":-1,"n_predict":-1)")).opens.at(0).generate == rest_of_context);
  CHECK(refused(R"("logprobs":6)") == wrong + "logprobs invalid_value: 'logprobs' must be between 0 and 5, got 6");
  CHECK(refused(R"("logprobs":true)") == wrong + "logprobs invalid_type: 'logprobs' must be an integer, got a boolean");
  CHECK(refused(R"("best_of":3,"n":2)") ==
        wrong + "best_of unsupported_parameter: 'best_of' is not supported: no answers are made but those that are sent; the same as 'n' expected");
  CHECK(refused(R"("suffix":"end")") == wrong + "suffix unsupported_parameter: 'suffix' is not supported: models are asked to go on, not to fill in");
  CHECK(refused(R"("echo":true,"logprobs":1)") == wrong + "echo unsupported_parameter: 'echo' is not supported: prompts have no 'logprobs'");
  CHECK(refusal(api::completions, R"({"model":"m","prompt":[1],"echo":true})") ==
        wrong + "echo unsupported_parameter: 'echo' is not supported: prompts of token ids have no text here");
  CHECK(refused(R"("messages":[])") == wrong + "messages unknown_parameter: unknown field 'messages'");
}
