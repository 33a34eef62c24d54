// POST /v1/chat/completions: a conversation.
#include "frontend/openai/json_text.hpp"
#include "frontend/openai/request_reading.hpp"

namespace tokamak::frontend::openai {

namespace {

void read_tools(fields& in, wire::PromptT& to) {
  const auto* tools = in.array("tools");
  bool offered = tools && !tools->empty();
  if (offered) chat_tools(*tools, "tools", in.found());
  if (const auto* choice = in.find("tool_choice")) {
    if (!choice->is_string()) in.unsupported("tool_choice", fmt::format("{}; 'auto' or 'none' expected", no_constraint));
    else if (*choice == "none") offered = false;
    else if (*choice != "auto")
      in.wrong("tool_choice", fmt::format("'tool_choice' '{}' is not supported: {}; 'auto' or 'none' expected",
                                          shortened(choice->get_ref<const std::string&>(), 64), no_constraint), "unsupported_value");
  }
  if (!in.flag("parallel_tool_calls").value_or(true)) in.unsupported("parallel_tool_calls", fmt::format("{}; true expected", no_constraint));
  if (offered) to.tools = tools->dump();
}

void read_modalities(fields& in) {
  if (const auto* modalities = in.array("modalities"))
    for (const auto& m : *modalities)
      if (m != "text") in.unsupported("modalities", "only text is answered");
}

void read_messages(fields& in, wire::PromptT& to) {
  const auto* messages = in.array("messages");
  if (!messages) return in.missing("messages");
  if (messages->empty()) return in.wrong("messages", "'messages' must not be empty");
  json list = json::array();
  for (std::size_t i = 0; i < messages->size() && !in.found(); ++i) list.push_back(chat_message((*messages)[i], element("messages", i), in.found()));
  if (!in.found()) to.json_messages = list.dump();
}

} // namespace

void read_chat(fields& in, generation_request& request, wire::OpenT like) {
  wire::PromptT prompt;
  read_messages(in, prompt);
  read_tools(in, prompt);
  if (const auto* format = in.object("response_format")) check_format(*format, "response_format", in.found());
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
