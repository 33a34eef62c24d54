// POST /v1/chat/completions: a conversation.
#include "frontend/openai/json_text.hpp"
#include "frontend/openai/request_reading.hpp"

namespace tokamak::frontend::openai {

namespace {

// {"type": "function", "function": {"name": …}}
std::string wanted_function(fields& in, const json& choice) {
  fields of(choice, "tool_choice", in.found());
  const auto* type = of.text("type");
  if (!type) of.missing("type");
  else if (*type != "function") of.wrong("type", fmt::format("'tool_choice.type' '{}' is not supported: 'function' expected", shortened(*type, 64)), "unsupported_value");
  const auto* function = of.object("function");
  if (!function) {
    of.missing("function");
    return {};
  }
  of.finish();
  fields inner(*function, "tool_choice.function", in.found());
  const auto* name = inner.text("name");
  if (!name) inner.missing("name");
  inner.finish();
  return name ? *name : std::string();
}

void read_tool_choice(fields& in, generation_request& request) {
  const auto* choice = in.find("tool_choice");
  if (!choice) return;
  if (choice->is_object()) {
    request.use = tool_use::one_function;
    request.function = wanted_function(in, *choice);
  } else if (!choice->is_string()) {
    return in.wrong_type("tool_choice", "a string or an object", *choice);
  } else if (*choice == "none") {
    request.use = tool_use::none;
  } else if (*choice == "required") {
    request.use = tool_use::required;
  } else if (*choice != "auto") {
    return in.wrong("tool_choice", fmt::format("'tool_choice' must be auto, none, required or a function, got '{}'", shortened(choice->get_ref<const std::string&>(), 64)));
  }
}

void read_tools(fields& in, generation_request& request, wire::PromptT& to) {
  const auto* tools = in.array("tools");
  const bool offered = tools && !tools->empty();
  if (offered) {
    chat_tools(*tools, "tools", in.found());
    request.use = tool_use::automatic;
  }
  read_tool_choice(in, request);
  request.one_call = !in.flag("parallel_tool_calls").value_or(true);
  if (request.use == tool_use::required || request.use == tool_use::one_function) {
    if (!offered) return in.wrong("tool_choice", "'tool_choice' asks for a call and there are no 'tools'");
  }
  if (!offered || request.use == tool_use::none || in.found()) {
    request.use = tool_use::none;
    return;
  }
  request.tools = to.tools = tools->dump();
  if (request.use == tool_use::required && tools->size() == 1) { // which one is no question
    request.use = tool_use::one_function;
    request.function = (*tools)[0]["function"]["name"].get<std::string>();
  }
  request.reading.tools = offered_tools(request.tools);
  if (request.use == tool_use::one_function && !request.reading.tools.knows(request.function))
    in.wrong("tool_choice", fmt::format("'tool_choice.function.name' '{}' is none of 'tools'", shortened(request.function, 64)));
}

// The one function that is called is held to its schema; which of several a model calls, and whether, is not.
void read_strict(fields& in, generation_request& request, wire::OpenT& to) {
  if (request.use == tool_use::none || in.found()) return;
  const auto& tools = *in.array("tools");
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const auto& function = tools[i]["function"];
    const auto strict = function.find("strict");
    if (strict == function.end() || *strict != true) continue;
    const auto path = element("tools", i) + ".function.";
    if (request.use != tool_use::one_function)
      return note(in.found(), wrong_request(fmt::format("'{}strict' is not supported: {}; 'tool_choice' of a function expected", path, no_constraint), path + "strict", "unsupported_parameter"));
    if (function["name"] != request.function) continue;
    const auto parameters = function.find("parameters");
    hold_to_schema(request, to, path + "parameters", parameters != function.end() && parameters->is_object() ? parameters->dump() : any_object);
  }
}

// llama.cpp's name for where reasoning goes.
void read_reasoning_format(fields& in, generation_request& request) {
  const auto* format = in.text("reasoning_format");
  if (!format) return;
  if (*format == "none") request.split_reasoning = false;
  else if (*format != "auto" && *format != "deepseek")
    in.wrong("reasoning_format", fmt::format("'reasoning_format' '{}' is not supported: auto, deepseek or none expected", shortened(*format, 64)), "unsupported_value");
}

void read_modalities(fields& in) {
  if (const auto* modalities = in.array("modalities"))
    for (const auto& m : *modalities)
      if (m != "text") in.unsupported("modalities", "only text is answered");
}

// vLLM's name for an answer that goes on where the last message ends.
void take_final_message(fields& in, json& messages, generation_request& request) {
  const auto& last = messages.back();
  if (last.at("role") != "assistant" || last.contains("tool_calls") || messages.size() < 2)
    return in.wrong("continue_final_message", "'continue_final_message' needs a last message of the role assistant, with text, after others");
  request.answer_start = last.at("content").get<std::string>();
  messages.erase(messages.size() - 1);
}

void read_messages(fields& in, generation_request& request, wire::PromptT& to) {
  const auto* messages = in.array("messages");
  if (!messages) return in.missing("messages");
  if (messages->empty()) return in.wrong("messages", "'messages' must not be empty");
  json list = json::array();
  for (std::size_t i = 0; i < messages->size() && !in.found(); ++i) list.push_back(chat_message((*messages)[i], element("messages", i), in.found()));
  if (in.flag("continue_final_message").value_or(false) && !in.found()) take_final_message(in, list, request);
  if (in.found()) return;
  to.json_messages = list.dump();
  to.answer_start = request.answer_start;
}

} // namespace

void read_chat(fields& in, generation_request& request, wire::OpenT like) {
  wire::PromptT prompt;
  read_messages(in, request, prompt);
  read_tools(in, request, prompt);
  read_variables(in, request, prompt);
  request.include_reasoning = in.flag("include_reasoning").value_or(true);
  read_reasoning_format(in, request);
  read_form(in, "response_format", request, like);
  read_other_forms(in, request, like);
  check_form(in, request);
  read_strict(in, request, like);
  read_modalities(in);
  for (const auto name : {"functions", "function_call"}) in.unsupported(name, "'tools' took its place");
  for (const auto name : {"audio", "prediction", "web_search_options"}) in.unsupported(name);
  for (const auto name : {"add_special", "add_special_tokens"})
    if (in.flag(name).value_or(false)) in.unsupported(name, "chat templates write their special tokens; false expected");
  read_limit(in, {"max_completion_tokens", "max_tokens", "n_predict"}, like);
  read_stops(in, like);
  request.choices = static_cast<std::uint32_t>(in.integer("n", {1, 128}).value_or(1));
  request.logprobs = in.flag("logprobs").value_or(false);
  request.top_logprobs = static_cast<std::uint32_t>(in.integer("top_logprobs", {0, 20}).value_or(0));
  if (request.top_logprobs > 0 && !request.logprobs) in.wrong("top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is true");
  ask_for_logprobs(request, like);
  check_cost(in, request, prompt.json_messages.size() + prompt.tools.size());
  if (!in.found()) open_choices(request, like, prompt);
}

} // namespace tokamak::frontend::openai
