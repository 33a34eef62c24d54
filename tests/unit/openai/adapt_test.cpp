// Requests in the dialect of their model, and its answers taken apart.
#include "answers.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace tokamak;
using namespace tokamak::frontend::openai;

namespace {

const std::string tools = R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}}])";

const std::string two_tools = R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}])";

// A model that thinks, and calls tools as most do. It has a template, but nobody's tokenizer.
model_dialect dialect() {
  model_dialect d;
  auto card = std::make_shared<model_card>();
  card->chat = *chat_template::compile("{{ messages }}{{ enable_thinking }}", "template");
  d.card = card;
  d.calls = &known_call_marks().front();
  d.call_start = "<tool_call>\n{\"name\": \"";
  d.name_end = "\", \"arguments\": ";
  d.json_arguments = true;
  return d;
}

model_dialect without_calls() {
  auto d = dialect();
  d.calls = nullptr;
  return d;
}

generation_request adapted(const std::string& fields, const model_dialect& d) {
  auto request = accepted(api::chat_completions, chat_with(fields));
  if (const auto wrong = adapt(request, d)) FAIL(told(*wrong));
  return request;
}

std::string refused(const std::string& fields, const model_dialect& d) {
  auto request = accepted(api::chat_completions, chat_with(fields));
  const auto wrong = adapt(request, d);
  return wrong ? told(*wrong) : "accepted";
}

} // namespace

TEST_CASE("arguments that are held to their schema end by themselves, where they are JSON") {
  const std::string strict = R"("tool_choice":"required","tools":[{"type":"function","function":{"name":"f","strict":true}}])";
  const auto open = adapted(strict, dialect()).opens.at(0);
  CHECK(open.prompt->answer_start == "<tool_call>\n{\"name\": \"f\", \"arguments\":");
  CHECK(open.stops->strings.empty());
  CHECK(open.constraint->text == R"({"type":"object"})");
  auto other = dialect();
  other.json_arguments = false;
  CHECK(refused(strict, other) ==
        wrong + "tools[0].function.parameters unsupported_parameter: 'strict' is not supported for model 'm', which does not write arguments as JSON; false expected");
}

TEST_CASE("a call that is asked for begins in the prompt") {
  CHECK(adapted(tools, dialect()).opens.at(0).prompt->answer_start.empty());
  CHECK(adapted(R"("tool_choice":"required",)" + two_tools, dialect()).opens.at(0).prompt->answer_start == "<tool_call>\n{\"name\": \"");
  const auto forced = adapted(R"("n":2,"tool_choice":{"type":"function","function":{"name":"f"}},)" + tools, dialect());
  for (const auto& open : forced.opens) {
    CHECK(open.prompt->answer_start == "<tool_call>\n{\"name\": \"f\", \"arguments\":");
    CHECK(open.stops->strings == std::vector<std::string>{"</tool_call>"});
  }
  CHECK(refused(R"("tool_choice":"required",)" + tools, without_calls()) ==
        wrong + "tool_choice unsupported_parameter: 'tool_choice' is not supported for model 'm': how it writes calls is not known; 'auto' or 'none' expected");
  CHECK(refused(R"("tool_choice":"required",)" + tools, {}).starts_with(wrong + "tool_choice unsupported_parameter"));
}

TEST_CASE("calls that came before have the arguments that the template wants") {
  const std::string talk = R"({"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]}]})";
  auto request = accepted(api::chat_completions, talk);
  auto as_text = dialect();
  as_text.arguments_as_text = true;
  const auto calls = [&](const model_dialect& d) {
    CHECK_FALSE(adapt(request, d));
    CHECK((request.opens.at(0).prompt->json_messages.find("\"content\":null") != std::string::npos) == d.content_is_null);
    const auto& json = request.opens.at(0).prompt->json_messages;
    return json.substr(json.find("\"arguments\""));
  };
  CHECK(calls(dialect()) == R"("arguments":{"a":1}}}]}])");
  as_text.content_is_null = true;
  CHECK(calls(as_text) == R"("arguments":"{\"a\":1}"}}]}])");
}

TEST_CASE("control tokens are shown where marks are such") {
  CHECK_FALSE(adapted(tools, dialect()).opens.at(0).show_special);
  auto special = dialect();
  special.marks_are_special = true;
  CHECK(adapted(tools, special).opens.at(0).show_special);
  CHECK_FALSE(adapted("", special).opens.at(0).show_special);
}

TEST_CASE("variables that the template does not read are refused by name, unless they ask for less") {
  CHECK(adapted(R"("chat_template_kwargs":{"enable_thinking":true})", dialect()).variables == R"({"enable_thinking":true})");
  CHECK(refused(R"("chat_template_kwargs":{"thinking_budget":5})", dialect()) ==
        wrong + "chat_template_kwargs.thinking_budget unsupported_parameter: 'chat_template_kwargs.thinking_budget' is not supported: the chat template of model 'm' has no such variable");
  CHECK(refused(R"("reasoning_effort":"high")", dialect()) == wrong + "reasoning_effort unsupported_parameter: 'reasoning_effort' is not supported: the chat template of model 'm' has no such variable");
  CHECK(refused(R"("reasoning_effort":"none")", dialect()) == "accepted");
  CHECK(refused(R"("chat_template_kwargs":{"thinking":false})", dialect()) == "accepted");
  CHECK(refused(R"("chat_template_kwargs":{"x":1})", {}) == "accepted"); // the pool's template will see it
}

TEST_CASE("a chat answer with reasoning and a call") {
  auto thinks = dialect();
  thinks.reasoning_begin = "<think>";
  thinks.reasoning_end = "</think>";
  auto request = accepted(api::chat_completions, chat_with(tools));
  request.reading = {.reasoning_begin = "<think>", .reasoning_end = "</think>", .calls = thinks.calls, .tools = offered_tools(request.tools)};
  auto streamed = request;
  streamed.stream = true;
  const auto chunks = [](std::string text) {
    auto c = tokens(std::move(text), {1, 2});
    wire::ChunksT m;
    m.items.push_back(std::make_unique<wire::ChunkT>(c));
    return make_frame<wire::Chunks>(m);
  };
  const auto end = [] {
    wire::ChunksT m;
    m.items.push_back(std::make_unique<wire::ChunkT>(last(wire::FinishReason::stop, 5, 0, 6)));
    return make_frame<wire::Chunks>(m);
  }();
  const std::vector<frame_of<wire::Chunks>> all = {chunks("<think>"), chunks("f</think>"), chunks("<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":1}}</tool_call>"), end};

  answer whole(request, "chatcmpl-1", 1700000000);
  std::string out;
  for (const auto& frame : all) whole.take(0, *frame->items()->Get(0), out);
  CHECK(whole.body() == R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":null,)"
                        R"("reasoning_content":"f","tool_calls":[{"id":"xPUVAZU33","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],)"
                        R"("usage":{"prompt_tokens":5,"completion_tokens":6,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":2}}})");

  answer pieces(streamed, "chatcmpl-1", 1700000000);
  for (const auto& frame : all) pieces.take(0, *frame->items()->Get(0), out);
  std::vector<std::string> deltas;
  for (std::size_t at = 0; (at = out.find("\"delta\":", at)) != std::string::npos; ++at) deltas.push_back(out.substr(at + 8, out.find(",\"logprobs\"", at) - at - 8));
  CHECK(deltas == std::vector<std::string>{R"({"role":"assistant","content":""})", R"({"reasoning_content":"f"})",
                                           R"({"tool_calls":[{"index":0,"id":"xPUVAZU33","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]})", "{}"});
  CHECK(out.find(R"("finish_reason":"tool_calls")") != std::string::npos);
}

TEST_CASE("reasoning is left out where the client wants none of it") {
  auto request = accepted(api::chat_completions, chat_with(R"("include_reasoning":false)"));
  request.reading = {.reasoning_begin = "<think>", .reasoning_end = "</think>"};
  answer whole(request, "chatcmpl-1", 1);
  wire::ChunksT m;
  m.items.push_back(std::make_unique<wire::ChunkT>(last(wire::FinishReason::stop, 5, 0, 6, "<think>Hm</think>Yes")));
  std::string out;
  whole.take(0, *make_frame<wire::Chunks>(m)->items()->Get(0), out);
  CHECK(whole.body().find("Hm") == std::string::npos);
  CHECK(whole.body().find(R"("content":"Yes")") != std::string::npos);
}

TEST_CASE("a response with reasoning has it as an item of its own") {
  auto request = accepted(api::responses, response_with(R"("stream":true)"));
  request.reading = {.reasoning_begin = "<think>", .reasoning_end = "</think>"};
  answer pieces(request, "resp_1", 1);
  std::string out;
  for (const auto& chunk : {tokens("<think>Hm"), tokens("</think>Yes"), last(wire::FinishReason::stop, 5, 0, 6)}) {
    wire::ChunksT m;
    m.items.push_back(std::make_unique<wire::ChunkT>(chunk));
    pieces.take(0, *make_frame<wire::Chunks>(m)->items()->Get(0), out);
  }
  std::vector<std::string> events;
  for (std::size_t at = 0; (at = out.find("event: ", at)) != std::string::npos; ++at) events.push_back(out.substr(at + 7, out.find('\n', at) - at - 7));
  CHECK(events == std::vector<std::string>{"response.created", "response.in_progress", "response.output_item.added", "response.reasoning_text.delta", "response.reasoning_text.done",
                                           "response.output_item.done", "response.output_item.added", "response.content_part.added", "response.output_text.delta",
                                           "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"});
  CHECK(out.find(R"("output":[{"id":"rs_1","type":"reasoning","status":"completed","summary":[],"content":[{"type":"reasoning_text","text":"Hm"}]},{"id":"msg_1")") != std::string::npos);
}
