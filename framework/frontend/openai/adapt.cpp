// What only the model can tell of a request: whether its template knows a variable, how a call begins, where reasoning stands.
#include "frontend/openai/json_text.hpp"
#include "frontend/openai/request_reading.hpp"

namespace tokamak::frontend::openai {

namespace {

// A model that does not think is told nothing where it is asked not to.
bool asks_for_less(const std::string& name, const json& value) {
  return name == "reasoning_effort" ? value == "none" : (name == "enable_thinking" || name == "thinking") && value == false;
}

std::optional<api_error> check_variables(const generation_request& request, const model_dialect& dialect) {
  if (request.variables.empty()) return std::nullopt;
  const auto variables = json::parse(request.variables);
  for (auto it = variables.begin(); it != variables.end(); ++it) {
    if (it.key() == "add_generation_prompt" || dialect.knows_variable(it.key()) || asks_for_less(it.key(), *it)) continue;
    const auto name = shortened(it.key(), 64);
    const auto param = name == "reasoning_effort" ? name : "chat_template_kwargs." + name;
    return wrong_request(fmt::format("'{}' is not supported: the chat template of model '{}' has no such variable", param, request.model), param, "unsupported_parameter");
  }
  return std::nullopt;
}

std::string call_start(const generation_request& request, const model_dialect& dialect) {
  auto text = dialect.call_start;
  if (request.use == tool_use::one_function) text += request.function + dialect.name_end;
  while (text.ends_with(' ')) text.pop_back(); // models write a blank together with what follows
  return text;
}

// Calls that came before, as the template wants them.
std::string with_calls_as_wanted(const std::string& messages, const model_dialect& dialect) {
  auto list = json::parse(messages);
  for (auto& message : list) {
    if (!message.contains("tool_calls")) continue;
    if (dialect.content_is_null && message["content"] == "") message["content"] = nullptr;
    for (auto& call : message["tool_calls"])
      if (dialect.arguments_as_text) call["function"]["arguments"] = call["function"]["arguments"].dump();
  }
  return list.dump();
}

} // namespace

std::optional<api_error> adapt(generation_request& request, const model_dialect& dialect) {
  if (request.kind == api::completions) return std::nullopt;
  const bool forced = request.use == tool_use::required || request.use == tool_use::one_function;
  if (forced && !dialect.calls)
    return wrong_request(fmt::format("'tool_choice' is not supported for model '{}': how it writes calls is not known; 'auto' or 'none' expected", request.model), "tool_choice", "unsupported_parameter");
  const bool held = forced && !request.form_field.empty();
  if (held && !dialect.json_arguments)
    return wrong_request(fmt::format("'strict' is not supported for model '{}', which does not write arguments as JSON; false expected", request.model), request.form_field, "unsupported_parameter");
  if (!dialect.card || !dialect.card->chat) return std::nullopt;
  if (auto wrong = check_variables(request, dialect)) return wrong;
  auto& reading = request.reading;
  if (request.split_reasoning) {
    reading.reasoning_begin = dialect.reasoning_begin;
    reading.reasoning_end = dialect.reasoning_end;
  }
  reading.in_reasoning = request.split_reasoning && dialect.begins_with_reasoning(request.tools, request.variables);
  if (request.use != tool_use::none) {
    reading.calls = dialect.calls;
    reading.one_call = request.one_call || request.use == tool_use::one_function;
  }
  reading.begun = request.answer_start;
  if (forced) reading.begun += call_start(request, dialect);
  // What is forced begins behind the reasoning, of which there is none then.
  if (reading.in_reasoning && (!reading.begun.empty() || !request.form_field.empty())) reading.begun.insert(0, std::string(dialect.reasoning_end) + "\n\n");
  if (request.use == tool_use::one_function) reading.function = request.function;
  std::string messages; // all choices have the same
  if ((dialect.arguments_as_text || dialect.content_is_null) && !request.opens.empty()) messages = with_calls_as_wanted(request.opens.front().prompt->json_messages, dialect);
  for (auto& open : request.opens) {
    if (!messages.empty()) open.prompt->json_messages = messages;
    open.show_special = open.show_special || (reading.reads() && dialect.marks_are_special);
    open.prompt->answer_start = reading.begun;
    // Held arguments end by themselves.
    if (request.use == tool_use::one_function && !held && !dialect.calls->end.empty()) open.stops->strings.emplace_back(dialect.calls->end);
  }
  return std::nullopt;
}

} // namespace tokamak::frontend::openai
