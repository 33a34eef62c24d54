// What chat templates of public models tell of their tools and their reasoning (the shared test data).
#include "frontend/openai/model_dialect.hpp"

#include "unit/model/reference_data.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace tokamak;
using namespace tokamak::frontend::openai;

namespace {

std::shared_ptr<model_card> card_of(const std::string& source) {
  const auto file = gguf_file::open(test::shared_path("tokenizers/ggml-vocab-qwen2.gguf"));
  if (!file) return nullptr;
  auto card = std::make_shared<model_card>();
  card->name = "model";
  card->tokenizer = *tokenizer::from_gguf(*file);
  auto compiled = chat_template::compile(source, "template");
  if (!compiled) FAIL(compiled.error().to_string());
  card->chat = std::move(*compiled);
  return card;
}

struct told {
  std::string start, name_end, reasoning_end;
};

} // namespace

TEST_CASE("templates show how their models call tools and where they think") {
  const std::map<std::string, told> expected = {
      {"Apertus-8B-Instruct", {"<|tools_prefix|>[{\"", "\": ", "<|inner_suffix|>"}},
      {"Bielik-11B-v3.0-Instruct", {"<tool_call>\n{\"name\": \"", "\", \"arguments\": ", "</think>"}},
      {"Cohere2MoE", {"<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"", "\", \"parameters\": ", "<|END_THINKING|>"}},
      {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", {"<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"", "\", \"parameters\": ", "<|END_THINKING|>"}},
      {"GLM-4.7-Flash", {"<tool_call>", "", "</think>"}},
      {"GigaChat3.1-10B-A1.8B", {"<|function_call|>{\"name\": \"", "\", \"arguments\": ", ""}},
      {"Kimi-K2-Instruct", {"", "", ""}}, // wants to change a list, which the sandbox forbids
      {"MiMo-VL", {"<tool_call>\n{\"name\": \"", "\", \"arguments\": ", ""}},
      {"MiniMax-M2", {"<minimax:tool_call>\n<invoke name=\"", "\">", "</think>"}},
      {"Mistral-Small-3.2-24B-Instruct-2506", {"[TOOL_CALLS]", "[CALL_ID]probe0001[ARGS]", ""}},
      {"NVIDIA-Nemotron-Nano-v2", {"<TOOLCALL>[{\"name\": \"", "\", \"arguments\": ", "</think>"}},
      {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", {"<tool_call>\n{\"name\": \"", "\", \"arguments\": ", ""}},
      {"Qwen-Qwen2.5-7B-Instruct", {"<tool_call>\n{\"name\": \"", "\", \"arguments\": ", ""}},
      {"Qwen3-Coder", {"<tool_call>\n<function=", ">", ""}},
      {"StepFun3.5-Flash", {"<tool_call>\n<function=", ">", "</think>"}},
      {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", {"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>", "\n```json\n", "</think>"}},
      {"deepseek-ai-DeepSeek-V3.2", {"<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"", "\">", "</think>"}},
      {"google-gemma-2-2b-it", {"", "", ""}},
      {"ibm-granite-granite-4.0", {"<tool_call>\n{\"name\": \"", "\", \"arguments\": ", ""}},
      {"meta-llama-Llama-3.2-3B-Instruct", {"{\"name\": \"", "\", \"parameters\": ", ""}},
      {"microsoft-Phi-3.5-mini-instruct", {"", "", ""}},
      {"mistralai-Mistral-Nemo-Instruct-2407", {"[TOOL_CALLS][{\"name\": \"", "\", \"arguments\": ", ""}},
      {"muse-glimmer", {"<atem:function_calls>\n<atem:invoke name=\"", "\">", ""}},
      {"openbmb-MiniCPM5-1B", {"<function name=\"", "\">", "</think>"}},
      {"poolside-Laguna-XS-2.1", {"<tool_call>", "", "</think>"}},
      {"tencent-Hy3", {"<tool_calls:opensource>\n<tool_call:opensource>", "", "</think:opensource>"}},
      {"unsloth-mistral-Devstral-Small-2507", {"[TOOL_CALLS]", "[ARGS]", ""}},
  };
  for (const auto& [name, want] : expected) {
    CAPTURE(name);
    const auto source = test::read_whole(test::shared_path("templates/" + name + ".jinja"));
    const auto card = source.empty() ? nullptr : card_of(source);
    if (!card) {
      MESSAGE("no shared templates and tokenizers: skipped");
      return;
    }
    const auto dialect = model_dialect::of(card);
    CHECK(dialect.call_start == want.start);
    CHECK(dialect.name_end == want.name_end);
    CHECK(dialect.reasoning_end == want.reasoning_end);
    CHECK((dialect.calls != nullptr) == !want.start.empty());
  }
}

TEST_CASE("a template may show a call's id in the place of its tool's name") {
  const auto card = card_of("{% for m in messages %}{{ m.content }}{% if m.tool_calls %}<|tool_calls_section_begin|>{% for c in m.tool_calls %}<|tool_call_begin|>{{ c.id }}"
                            "<|tool_call_argument_begin|>{{ c.function.arguments | tojson }}<|tool_call_end|>{% endfor %}<|tool_calls_section_end|>{% endif %}{% endfor %}");
  if (!card) {
    MESSAGE("no shared tokenizers: skipped");
    return;
  }
  const auto dialect = model_dialect::of(card);
  CHECK(dialect.call_start == "<|tool_calls_section_begin|><|tool_call_begin|>functions.");
  CHECK(dialect.name_end == ":0<|tool_call_argument_begin|>");
}

TEST_CASE("a template may want the arguments of calls as text") {
  const auto card = card_of("{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}{{ '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>' + c.function.name + '\n```json\n'"
                            " + c.function.arguments + '\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>' }}{% endfor %}{% endfor %}");
  if (!card) {
    MESSAGE("no shared tokenizers: skipped");
    return;
  }
  const auto dialect = model_dialect::of(card);
  CHECK(dialect.arguments_as_text);
  CHECK_FALSE(dialect.content_is_null);
  CHECK(dialect.name_end == "\n```json\n");
}

TEST_CASE("a template may look for calls only where there is no content") {
  const auto card = card_of("{% for m in messages %}{% if m.content is none %}{% for c in m.tool_calls %}<tool_call>{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments }}}</tool_call>"
                            "{% endfor %}{% else %}{{ m.content }}{% endif %}{% endfor %}");
  if (!card) {
    MESSAGE("no shared tokenizers: skipped");
    return;
  }
  const auto dialect = model_dialect::of(card);
  CHECK(dialect.content_is_null);
  CHECK(dialect.arguments_as_text); // an object would be written as Python writes it
}

TEST_CASE("the prompt may open the reasoning, and variables may close it") {
  const auto card = card_of("{{ messages[0].content }} {% if enable_thinking is defined and not enable_thinking %}<think></think>{% else %}<think>\n{% endif %}");
  if (!card) {
    MESSAGE("no shared tokenizers: skipped");
    return;
  }
  const auto dialect = model_dialect::of(card);
  CHECK(dialect.begins_with_reasoning("", ""));
  CHECK_FALSE(dialect.begins_with_reasoning("", R"({"enable_thinking": false})"));
  CHECK(dialect.knows_variable("enable_thinking"));
  CHECK_FALSE(dialect.knows_variable("thinking"));
  CHECK_FALSE(dialect.calls);
}

TEST_CASE("a template that fails, or a model without one, has nothing to tell") {
  const auto card = card_of("{{ raise_exception('no') }}");
  if (!card) return;
  CHECK_FALSE(model_dialect::of(card).calls);
  CHECK_FALSE(model_dialect::of(card).begins_with_reasoning("", ""));
  CHECK_FALSE(model_dialect::of(nullptr).calls);
}
