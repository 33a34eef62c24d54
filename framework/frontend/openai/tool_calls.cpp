// The form is told by what a text begins with or contains, so that one reader serves all marks. All text is a model's: it may be anything.
#include "frontend/openai/tool_calls.hpp"

#include "frontend/openai/request_body.hpp"

#include <algorithm>
#include <cctype>

namespace tokamak::frontend::openai {

namespace {

constexpr std::string_view blank = " \t\r\n";

constexpr call_marks families[] = {
    {"<tool_call>", "</tool_call>"},                                     // Hermes, Qwen, Granite 4, GLM, StepFun and many more
    {"[TOOL_CALLS]", "", "[TOOL_CALLS]", "", "[ARGS]"},                  // Mistral
    {"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"}, // DeepSeek V3, R1
    {"<｜DSML｜function_calls>", "</｜DSML｜function_calls>"},           // DeepSeek V3.2
    {"<｜DSML｜tool_calls>", "</｜DSML｜tool_calls>"},                   // DeepSeek V4
    {"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>", "<|tool_call_end|>", "<|tool_call_argument_begin|>"}, // Kimi K2
    {"<minimax:tool_call>", "</minimax:tool_call>"},                     // MiniMax
    {"<atem:function_calls>", "</atem:function_calls>"},
    {.begin = "<function name=", .end = "</function>", .begins_call = true}, // MiniCPM
    {.begin = "<function=", .end = "</function>", .begins_call = true},  // functionary 3.1
    {"<tool_calls:opensource>", "</tool_calls:opensource>", "<tool_call:opensource>", "</tool_call:opensource>"}, // Hunyuan
    {"<|START_ACTION|>", "<|END_ACTION|>"},                              // Command R
    {"<|tools_prefix|>", "<|tools_suffix|>"},                            // Apertus
    {"<TOOLCALL>", "</TOOLCALL>"},                                       // Nemotron
    {"<seed:tool_call>", "</seed:tool_call>"},                           // Seed
    {"<|function_call|>", ""},                                           // GigaChat
    {"", ""},                                                            // Llama 3
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

bool take(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

// What comes before `mark`, which is taken off too; nothing if the text has none.
std::optional<std::string_view> take_until(std::string_view& text, std::string_view mark) {
  const auto at = text.find(mark);
  if (at == text.npos) return std::nullopt;
  const auto before = text.substr(0, at);
  text.remove_prefix(at + mark.size());
  return before;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 256 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c >= 0x80; });
}

// Where the JSON value at the text's beginning ends, if it is an object or an array.
std::size_t value_length(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
    if (depth == 0) break;
  }
  return 0;
}

std::optional<json> read_object_text(std::string_view text) {
  auto value = read_body(trimmed(text));
  if (value && value->is_object()) return std::move(*value);
  return std::nullopt;
}

std::string dumped(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

using calls = std::vector<tool_call>;

// {"name": …, "arguments": {…}}, and what else models call these two; {"type": "function", "function": {…}}; {"get_weather": {…}}.
bool add_json_call(const json& value, calls& out) {
  if (!value.is_object()) return false;
  if (const auto inner = value.find("function"); inner != value.end() && inner->is_object()) return add_json_call(*inner, out);
  const auto find = [&](std::initializer_list<const char*> names) {
    for (const auto* name : names)
      if (const auto it = value.find(name); it != value.end()) return &*it;
    return static_cast<const json*>(nullptr);
  };
  const auto* name = find({"name", "tool_name", "function"});
  const auto* arguments = find({"arguments", "parameters", "args"});
  if (!name && value.size() == 1 && value.begin()->is_object()) {
    out.push_back({value.begin().key(), dumped(*value.begin())});
    return true;
  }
  if (!name || !name->is_string() || name->get_ref<const std::string&>().empty()) return false;
  tool_call call{name->get<std::string>(), "{}"};
  if (arguments && arguments->is_string()) {
    const auto object = read_object_text(arguments->get_ref<const std::string&>());
    if (!object) return false;
    call.arguments = dumped(*object);
  } else if (arguments && !arguments->is_null()) {
    if (!arguments->is_object()) return false;
    call.arguments = dumped(*arguments);
  }
  out.push_back(std::move(call));
  return true;
}

bool add_json_calls(std::string_view text, calls& out) {
  const auto before = out.size();
  while (!(text = trimmed(text)).empty()) {
    if (text.front() == ';' || text.front() == ',') {
      text.remove_prefix(1);
      continue;
    }
    const auto length = value_length(text);
    const auto value = read_body(text.substr(0, length));
    if (length == 0 || !value) return false;
    if (value->is_array()) {
      for (const auto& element : *value)
        if (!add_json_call(element, out)) return false;
    } else if (!add_json_call(*value, out)) {
      return false;
    }
    text.remove_prefix(length);
  }
  return out.size() > before;
}

// Without the fence of a code block around it.
std::string_view unfenced(std::string_view text) {
  text = trimmed(text);
  if (!take(text, "```")) return text;
  take(text, "json");
  return trimmed(text.substr(0, text.rfind("```")));
}

// get_weather[ARGS]{…}; function SEPARATOR get_weather and a code block; functions.get_weather:0 SEPARATOR {…}
bool add_named_call(std::string_view name, std::string_view rest, calls& out) {
  name = trimmed(name);
  if (name == "function") {
    const auto line = take_until(rest, "\n");
    if (!line) return false;
    name = trimmed(*line);
  }
  take(name, "functions.");
  name = name.substr(0, name.find_first_of(":["));
  const auto object = read_object_text(unfenced(rest));
  if (!is_name(name) || !object) return false;
  out.push_back({std::string(name), dumped(*object)});
  return true;
}

// Arguments that came as plain text.
class plain_arguments {
public:
  plain_arguments(std::string_view tool, const offered_tools& tools) : tool_(tool), tools_(tools) {}

  void add(std::string_view key, std::string_view text, bool is_string = false) {
    const auto type = tools_.type_of(tool_, key);
    auto& value = object_[std::string(key)];
    value = std::string(text);
    if (is_string || type == "string") return;
    if (auto parsed = read_body(trimmed(text))) value = std::move(*parsed);
  }
  void finish(calls& out) const { out.push_back({std::string(tool_), dumped(object_)}); }

private:
  std::string_view tool_;
  const offered_tools& tools_;
  json object_ = json::object();
};

// <function=NAME> <parameter=KEY> VALUE </parameter> </function>, or with an object in the parameters' place
bool add_tagged_calls(std::string_view text, const offered_tools& tools, calls& out) {
  const auto before = out.size();
  while (take_until(text, "<function=")) {
    auto inner = text.substr(0, text.find("<function="));
    const auto name = take_until(inner, ">");
    if (!name || !is_name(trimmed(*name))) return false;
    if (const auto object = trimmed(inner.substr(0, inner.find("</function>"))); object.starts_with('{')) {
      if (!add_named_call(*name, object, out)) return false;
      continue;
    }
    plain_arguments arguments(trimmed(*name), tools);
    while (take_until(inner, "<parameter=")) {
      const auto key = take_until(inner, ">");
      auto value = take_until(inner, "</parameter>");
      if (!key || !value) return false;
      take(*value, "\n"); // lines of their own around the value belong to the form
      if (value->ends_with('\n')) value->remove_suffix(1);
      arguments.add(trimmed(*key), *value);
    }
    arguments.finish(out);
  }
  return out.size() > before;
}

// <invoke name="NAME"> <parameter name="KEY" …>VALUE</parameter> </invoke>, whatever stands before the tags' names.
bool add_invoked_calls(std::string_view text, std::string_view tag, std::string_view parameter, const offered_tools& tools, calls& out) {
  const auto open = std::string(tag) + " name=\"", open_parameter = std::string(parameter) + " name=\"", close_parameter = std::string(parameter) + ">";
  const auto before = out.size();
  while (take_until(text, open)) {
    auto inner = text.substr(0, text.find(open));
    const auto name = take_until(inner, "\"");
    if (!name || !is_name(*name)) return false;
    plain_arguments arguments(*name, tools);
    while (take_until(inner, open_parameter)) {
      const auto key = take_until(inner, "\""), attributes = key ? take_until(inner, ">") : std::nullopt;
      auto value = attributes ? take_until(inner, close_parameter) : std::nullopt;
      if (!value || value->rfind("</") == value->npos) return false;
      *value = value->substr(0, value->rfind("</"));
      arguments.add(*key, *value, attributes->find("string=\"true\"") != attributes->npos);
    }
    arguments.finish(out);
  }
  return out.size() > before;
}

// NAME <arg_key>KEY</arg_key> <arg_value>VALUE</arg_value>; tags may have a suffix.
bool add_paired_call(std::string_view text, const offered_tools& tools, calls& out) {
  const auto name = trimmed(text.substr(0, text.find('<')));
  if (!is_name(name)) return false;
  plain_arguments arguments(name, tools);
  while (take_until(text, "<arg_key")) {
    if (!take_until(text, ">")) return false;
    const auto key = take_until(text, "</arg_key");
    if (!key || !take_until(text, "<arg_value") || !take_until(text, ">")) return false;
    const auto value = take_until(text, "</arg_value");
    if (!value) return false;
    arguments.add(trimmed(*key), *value);
  }
  arguments.finish(out);
  return true;
}

bool add_calls(const call_marks& marks, std::string_view text, const offered_tools& tools, calls& out) {
  text = unfenced(text);
  const auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (!marks.separator.empty() && has(marks.separator)) {
    auto rest = text;
    const auto name = *take_until(rest, marks.separator);
    return add_named_call(name, rest, out);
  }
  if (text.starts_with('{') || text.starts_with('[')) return add_json_calls(text, out);
  if (has("<function=")) return add_tagged_calls(text, tools, out);
  if (has("invoke name=\"")) return add_invoked_calls(text, "invoke", "parameter", tools, out);
  if (has("function name=\"")) return add_invoked_calls(text, "function", "param", tools, out);
  return add_paired_call(text, tools, out);
}

} // namespace

offered_tools::offered_tools(std::string_view tools) {
  if (tools.empty()) return;
  const auto list = json::parse(tools, nullptr, /*allow_exceptions=*/false);
  const auto text_of = [](const json& object, const char* key) {
    const auto it = object.is_object() ? object.find(key) : object.end();
    return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  for (const auto& tool : list) {
    if (!tool.is_object() || !tool.contains("function")) continue;
    const auto& function = tool["function"];
    auto& types_of = parameters_[text_of(function, "name")];
    if (!function.contains("parameters") || !function["parameters"].is_object() || !function["parameters"].contains("properties")) continue;
    const auto& properties = function["parameters"]["properties"];
    if (!properties.is_object()) continue;
    for (auto it = properties.begin(); it != properties.end(); ++it) types_of[it.key()] = text_of(*it, "type");
  }
}

std::string_view offered_tools::type_of(std::string_view tool, std::string_view parameter) const {
  const auto known = parameters_.find(tool);
  if (known == parameters_.end()) return {};
  const auto type = known->second.find(parameter);
  return type == known->second.end() ? std::string_view() : std::string_view(type->second);
}

std::span<const call_marks> known_call_marks() { return families; }

std::optional<std::vector<tool_call>> read_calls(const call_marks& marks, std::string_view text, const offered_tools& tools) {
  calls out;
  const auto whole = marks.begins_call ? std::string(marks.begin) + std::string(text) : std::string();
  auto rest = trimmed(marks.begins_call ? std::string_view(whole) : text);
  if (marks.item_begin.empty() || rest.find(marks.item_begin) == rest.npos) {
    if (!add_calls(marks, rest, tools, out)) return std::nullopt;
  } else {
    if (!rest.starts_with(marks.item_begin) && !marks.item_end.empty()) return std::nullopt;
    while (!rest.empty()) {
      take(rest, marks.item_begin);
      auto item = rest.substr(0, rest.find(marks.item_begin));
      rest.remove_prefix(item.size());
      if (!marks.item_end.empty()) item = item.substr(0, item.find(marks.item_end));
      if (!add_calls(marks, item, tools, out)) return std::nullopt;
    }
  }
  const bool unmarked = marks.begin.empty();
  if (unmarked && !std::all_of(out.begin(), out.end(), [&](const auto& call) { return tools.knows(call.name); })) return std::nullopt;
  return out;
}

} // namespace tokamak::frontend::openai
