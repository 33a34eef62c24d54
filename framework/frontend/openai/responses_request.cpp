// POST /v1/responses: a conversation, in items. Answers repeat what was asked, so that is written down here too.
#include "frontend/openai/json_text.hpp"
#include "frontend/openai/request_reading.hpp"

namespace tokamak::frontend::openai {

namespace {

// A message among the items. Answers that come back have an id and a status, which say nothing to a model.
json item_message(const json& item, const std::string& path, finding& found) {
  json out = json::object();
  if (!item.is_object()) {
    note(found, type_error(path, "an object", item));
    return out;
  }
  fields in(item, path, found);
  if (const auto* type = in.text("type"); type && *type != "message") {
    in.wrong("type", fmt::format("'{}' '{}' is not supported: only messages are", in.path_of("type"), shortened(*type, 64)), "unsupported_value");
    return out;
  }
  json plain = json::object();
  for (auto it = item.begin(); it != item.end(); ++it)
    if (it.key() != "type" && it.key() != "id" && it.key() != "status") plain[it.key()] = *it;
  return chat_message(plain, path, found);
}

// Reasoning of an answer that comes back; templates see it with the message that follows it.
std::string reasoning_text(const json& item, const std::string& path, finding& found) {
  fields in(item, path, found);
  std::string text;
  for (const auto name : {"type", "id", "status", "encrypted_content"}) in.text(name);
  for (const auto name : {"summary", "content"}) {
    const auto* parts = in.array(name);
    for (std::size_t i = 0; parts && i < parts->size(); ++i) {
      fields part((*parts)[i], element(in.path_of(name), i), found);
      if (!(*parts)[i].is_object()) note(found, type_error(element(in.path_of(name), i), "an object", (*parts)[i]));
      else if (const auto* said = part.text("text"); said && part.text("type") && name == std::string_view("content")) text += *said;
    }
  }
  in.finish();
  return text;
}

void read_items(const json& items, json& list, finding& found) {
  std::string reasoning;
  for (std::size_t i = 0; i < items.size() && !found; ++i) {
    const auto path = element("input", i);
    if (items[i].is_object() && items[i].contains("type") && items[i]["type"] == "reasoning") {
      reasoning = reasoning_text(items[i], path, found);
      continue;
    }
    list.push_back(item_message(items[i], path, found));
    if (!found && !reasoning.empty() && list.back()["role"] == "assistant") list.back()["reasoning_content"] = std::exchange(reasoning, {});
  }
}

void read_input(fields& in, wire::PromptT& to, json& settings) {
  json list = json::array();
  const auto* instructions = in.text("instructions");
  settings["instructions"] = instructions ? json(*instructions) : json();
  if (instructions) list.push_back({{"role", "system"}, {"content", *instructions}});
  const auto* input = in.find("input");
  if (!input) return in.missing("input");
  if (input->is_string()) list.push_back({{"role", "user"}, {"content", *input}});
  else if (!input->is_array()) return in.wrong_type("input", "a string or an array of items", *input);
  else if (input->empty()) return in.wrong("input", "'input' must not be empty");
  else read_items(*input, list, in.found());
  if (!in.found()) to.json_messages = list.dump();
}

void refuse_unless_empty(fields& in, std::string_view name, std::string_view why) {
  if (const auto* value = in.find(name); value && !value->empty()) in.unsupported(name, why);
}

// What more the answer is to have. Reasoning comes in plain text: nothing of it is encrypted.
void read_include(fields& in) {
  const auto* include = in.array("include");
  for (std::size_t i = 0; include && i < include->size(); ++i)
    if ((*include)[i] != "reasoning.encrypted_content") in.unsupported("include", "answers have nothing more; 'reasoning.encrypted_content', of which there is none, expected");
}

void read_format(fields& in, generation_request& request, wire::OpenT& open) {
  const auto* text = in.object("text");
  if (!text) return;
  fields of(*text, "text", in.found());
  read_form(of, "format", request, open);
  read_verbosity(of);
  of.finish();
}

// As the answer repeats it.
json format_of(fields& in) {
  const auto* text = in.find("text");
  const auto format = text && text->is_object() ? text->find("format") : json::const_iterator();
  return text && text->is_object() && format != text->end() && format->is_object() ? *format : json{{"type", "text"}};
}

// How much the model is to think; null if the client leaves it to the model.
json read_reasoning(fields& in, generation_request& request, wire::PromptT& to) {
  json variables = json::object(), effort;
  if (const auto* reasoning = in.object("reasoning")) {
    fields of(*reasoning, "reasoning", in.found());
    read_effort(of, "effort", variables);
    for (const auto name : {"summary", "generate_summary"}) of.unsupported(name, "reasoning comes as it is");
    of.finish();
  }
  if (variables.contains("reasoning_effort")) effort = variables["reasoning_effort"];
  if (!variables.empty()) request.variables = to.variables = variables.dump();
  return effort;
}

void read_choice(fields& in) {
  if (const auto* choice = in.find("tool_choice"); choice && *choice != "auto" && *choice != "none")
    in.unsupported("tool_choice", fmt::format("{}; 'auto' or 'none' expected", no_constraint));
  if (!in.flag("parallel_tool_calls").value_or(true)) in.unsupported("parallel_tool_calls", fmt::format("{}; true expected", no_constraint));
}

} // namespace

void read_responses(fields& in, generation_request& request, wire::OpenT like) {
  wire::PromptT prompt;
  json settings = json::object();
  read_input(in, prompt, settings);
  refuse_unless_empty(in, "tools", "this API has no tools yet; chat completions have");
  read_include(in);
  const auto effort = read_reasoning(in, request, prompt);
  read_choice(in);
  read_format(in, request, like);
  if (const auto* truncation = in.text("truncation"); truncation && *truncation != "disabled")
    in.unsupported("truncation", "conversations are never shortened; 'disabled' expected");
  if (in.flag("background").value_or(false)) in.unsupported("background", "answers are not kept; false expected");
  if (in.integer("top_logprobs", {0, 20}).value_or(0) > 0) in.unsupported("top_logprobs", "chat completions have them");
  for (const auto name : {"previous_response_id", "conversation"}) in.unsupported(name, "answers are not kept");
  for (const auto name : {"prompt", "max_tool_calls", "context_management"}) in.unsupported(name);
  for (const auto name : {"add_special", "add_special_tokens"})
    if (in.flag(name).value_or(false)) in.unsupported(name, "chat templates write their special tokens; false expected");
  read_limit(in, {"max_output_tokens"}, like);
  read_stops(in, like);
  check_cost(in, request, prompt.json_messages.size());
  if (in.found()) return;

  settings["max_output_tokens"] = like.generate == rest_of_context ? json() : json(like.generate);
  auto& metadata = settings["metadata"] = json::object();
  for (const auto& label : like.metadata) metadata[label->key] = label->value;
  settings["parallel_tool_calls"] = true;
  settings["previous_response_id"] = nullptr;
  settings["reasoning"] = {{"effort", effort}, {"summary", nullptr}};
  settings["service_tier"] = "default";
  settings["store"] = false;
  settings["temperature"] = in.number("temperature", {0, 2}).value_or(1.0);
  settings["text"] = {{"format", format_of(in)}};
  settings["tool_choice"] = "auto";
  settings["tools"] = json::array();
  settings["top_p"] = in.number("top_p", {0, 1, true}).value_or(1.0);
  settings["truncation"] = "disabled";
  settings["user"] = like.tenant.empty() ? json() : json(like.tenant);
  const auto text = settings.dump();
  request.settings = text.substr(1, text.size() - 2);
  open_choices(request, like, prompt);
}

} // namespace tokamak::frontend::openai
