// Messages and tools, checked, and in the one form that chat templates are written for: contents are strings, arguments of calls are
// objects, and what is null is left out.
#include "frontend/openai/request_reading.hpp"

#include "frontend/openai/json_text.hpp"

#include <algorithm>
#include <array>

namespace tokamak::frontend::openai {

namespace {

constexpr std::array<std::string_view, 6> roles = {"system", "developer", "user", "assistant", "tool", "function"};
std::string part_text(const json& part, const std::string& path, finding& found) {
  if (!part.is_object()) {
    note(found, type_error(path, "an object", part));
    return {};
  }
  fields in(part, path, found);
  const auto* type = in.text("type");
  if (!type) {
    in.missing("type");
    return {};
  }
  const bool refusal = *type == "refusal";
  if (!refusal && *type != "text" && *type != "input_text" && *type != "output_text") {
    in.wrong("type", fmt::format("'{}' '{}' is not supported: only text is", in.path_of("type"), shortened(*type, 64)), "unsupported_value");
    return {};
  }
  const auto* text = in.text(refusal ? "refusal" : "text");
  if (!text) in.missing(refusal ? "refusal" : "text");
  if (*type == "output_text") { // as answers have them, sent back
    in.find("annotations");
    in.find("logprobs");
  }
  in.finish();
  return text ? *text : std::string();
}

// Clients send the arguments of a call as the text that they got; templates write them as JSON, and would quote a text twice.
json call_arguments(const std::string& text, const std::string& path, finding& found) {
  auto parsed = read_body(text);
  if (parsed && parsed->is_object()) return std::move(*parsed);
  note(found, wrong_request(fmt::format("'{}' must be a JSON object written as a string{}", path,
                                        parsed ? std::string() : ": " + parsed.error().message), path, "invalid_value"));
  return {};
}

json sent_call(const json& call, const std::string& path, finding& found) {
  if (!call.is_object()) {
    note(found, type_error(path, "an object", call));
    return {};
  }
  fields in(call, path, found);
  json out = json::object();
  if (const auto* id = in.text("id")) out["id"] = *id;
  const auto* type = in.text("type");
  if (type && *type != "function")
    in.wrong("type", fmt::format("'{}' '{}' is not supported: 'function' expected", in.path_of("type"), shortened(*type, 64)), "unsupported_value");
  out["type"] = "function";
  in.find("index"); // of streamed calls, sent back
  const auto* function = in.object("function");
  if (!function) {
    in.missing("function");
    return out;
  }
  fields of(*function, in.path_of("function"), found);
  const auto* name = of.text("name");
  const auto* arguments = of.find("arguments");
  if (!name) of.missing("name");
  if (arguments && !arguments->is_string() && !arguments->is_object()) of.wrong_type("arguments", "a string", *arguments);
  of.finish();
  if (found) return out;
  json target = {{"name", *name}};
  if (!arguments) target["arguments"] = json::object();
  else if (arguments->is_object()) target["arguments"] = *arguments;
  else target["arguments"] = call_arguments(arguments->get_ref<const std::string&>(), of.path_of("arguments"), found);
  out["function"] = std::move(target);
  in.finish();
  return out;
}

} // namespace

std::string content_text(const json& content, const std::string& path, finding& found) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) note(found, type_error(path, "a string or an array of parts", content));
  else
    for (std::size_t i = 0; i < content.size() && !found; ++i) text += part_text(content[i], element(path, i), found);
  return text;
}

json chat_message(const json& message, std::string path, finding& found) {
  json out = json::object();
  if (!message.is_object()) {
    note(found, type_error(std::move(path), "an object", message));
    return out;
  }
  fields in(message, std::move(path), found);
  const auto* role = in.text("role");
  const auto* content = in.find("content");
  const auto* calls = in.array("tool_calls");
  if (!role) {
    in.missing("role");
    return out;
  }
  if (std::find(roles.begin(), roles.end(), *role) == roles.end()) {
    in.wrong("role", fmt::format("'{}' must be system, developer, user, assistant, tool or function, got '{}'", in.path_of("role"),
                                 shortened(*role, 64)));
    return out;
  }
  const bool has_calls = calls && !calls->empty();
  if (calls && *role != "assistant")
    in.wrong("tool_calls", fmt::format("'{}' belongs to the role assistant, not {}", in.path_of("tool_calls"), *role));
  if (!content && !has_calls) in.missing("content");
  // Templates know the older name only: most would leave out what a developer says.
  out["role"] = *role == "developer" ? "system" : *role;
  // Beside calls clients send null, and templates add content to text.
  out["content"] = content ? content_text(*content, in.path_of("content"), found) : std::string();
  for (const auto name : {"name", "tool_call_id", "reasoning_content"})
    if (const auto* text = in.text(name)) out[name] = *text;
  if (const auto* reasoning = in.text("reasoning")) out["reasoning_content"] = *reasoning; // vLLM's newer name
  if (has_calls) {
    auto& list = out["tool_calls"] = json::array();
    for (std::size_t i = 0; i < calls->size() && !found; ++i) list.push_back(sent_call((*calls)[i], element(in.path_of("tool_calls"), i), found));
  }
  if (const auto* notes = in.array("annotations"); notes && !notes->empty()) in.unsupported("annotations");
  for (const auto name : {"refusal", "audio", "function_call"}) in.unsupported(name);
  in.finish();
  return out;
}

json chat_tools(const json& tools, const std::string& path, finding& found) {
  for (std::size_t i = 0; i < tools.size() && !found; ++i) {
    if (!tools[i].is_object()) {
      note(found, type_error(element(path, i), "an object", tools[i]));
      break;
    }
    fields in(tools[i], element(path, i), found);
    const auto* type = in.text("type");
    if (!type) in.missing("type");
    else if (*type != "function")
      in.wrong("type", fmt::format("'{}' '{}' is not supported: 'function' expected", in.path_of("type"), shortened(*type, 64)), "unsupported_value");
    if (const auto* function = in.object("function")) {
      fields of(*function, in.path_of("function"), found);
      if (!of.text("name")) of.missing("name");
      of.text("description");
      of.object("parameters");
      of.flag("strict");
      of.finish();
    } else {
      in.missing("function");
    }
    in.finish();
  }
  return tools;
}

void read_effort(fields& in, std::string_view name, json& variables) {
  const auto* effort = in.text(name);
  if (!effort) return;
  constexpr std::array<std::string_view, 6> known = {"none", "minimal", "low", "medium", "high", "xhigh"};
  if (std::find(known.begin(), known.end(), *effort) == known.end())
    return in.wrong(name, fmt::format("'{}' must be none, minimal, low, medium, high or xhigh, got '{}'", in.path_of(name), shortened(*effort, 64)));
  variables["reasoning_effort"] = *effort;
  if (*effort == "none") variables["enable_thinking"] = false;
}

void read_variables(fields& in, generation_request& request, wire::PromptT& to) {
  json variables = json::object();
  read_effort(in, "reasoning_effort", variables);
  // Without it the template does not ask for an answer; one that goes on needs it before what there is.
  if (!in.flag("add_generation_prompt").value_or(true) && request.answer_start.empty()) variables["add_generation_prompt"] = false;
  if (const auto* more = in.object("chat_template_kwargs"))
    for (auto it = more->begin(); it != more->end(); ++it) variables[it.key()] = *it;
  if (!variables.empty()) request.variables = to.variables = variables.dump();
}

} // namespace tokamak::frontend::openai
