// A probe is a short conversation. Templates are the model's: one that fails on a probe has simply nothing to tell.
#include "frontend/openai/model_dialect.hpp"

#include "frontend/openai/request_body.hpp"

#include <algorithm>
#include <cctype>

namespace tokamak::frontend::openai {

namespace {

constexpr std::string_view probe_tool = "probe_tool", probe_key = "probe_key", probe_value = "probe value", question = "probe question";

struct reasoning_marks {
  std::string_view begin, end;
};
constexpr reasoning_marks known_reasoning[] = {
    {"<think>", "</think>"}, {"[THINK]", "[/THINK]"}, {"<|START_THINKING|>", "<|END_THINKING|>"}, {"<think:opensource>", "</think:opensource>"},
    {"<|inner_prefix|>", "<|inner_suffix|>"}};

json probe_tools() {
  return json::array({{{"type", "function"},
                       {"function",
                        {{"name", probe_tool},
                         {"description", "d"},
                         {"parameters",
                          {{"type", "object"}, {"properties", {{probe_key, {{"type", "string"}, {"description", "d"}}}}}, {"required", {probe_key}}}}}}}});
}

/// How a call is put to a template.
struct probe {
  std::string_view id;
  bool answered = false;          ///< what the tool said follows
  bool arguments_as_text = false;
  bool content_is_null = false;
};

// Some templates want ids of nine letters and digits, others show the id in the name's place; some want the tool's answer to follow, add
// arguments to text, or look for calls only where there is no content.
std::vector<probe> all_probes() {
  std::vector<probe> all;
  for (const bool null : {false, true})
    for (const bool as_text : {false, true})
      for (const std::string_view id : {"probe0001", "functions.probe_tool:0"})
        for (const bool answered : {false, true}) all.push_back({id, answered, as_text, null});
  return all;
}

json probe_call(const probe& how) {
  json arguments = {{probe_key, probe_value}};
  if (how.arguments_as_text) arguments = arguments.dump();
  return {{"role", "assistant"},
          {"content", how.content_is_null ? json() : json("")},
          {"tool_calls", {{{"id", how.id}, {"type", "function"}, {"function", {{"name", probe_tool}, {"arguments", arguments}}}}}}};
}

expected<std::string> rendered(const model_card& card, json messages, json tools, json variables, bool add_generation_prompt) {
  chat_template::input input;
  input.messages = std::move(messages);
  input.tools = std::move(tools);
  input.extra = std::move(variables);
  input.add_generation_prompt = add_generation_prompt;
  const auto text_of = [&](const std::optional<std::int32_t>& id) { return id ? std::string(card.tokenizer->special_text(*id)) : std::string(); };
  input.bos_token = text_of(card.tokenizer->bos());
  input.eos_token = text_of(card.tokenizer->eos());
  return card.chat->render(input);
}

// What a template writes for an answer that calls the probe's tool, and after it.
expected<std::string> probed_answer(const model_card& card, const probe& how) {
  auto messages = json::array({{{"role", "user"}, {"content", question}}, probe_call(how)});
  if (how.answered) messages.push_back({{"role", "tool"}, {"tool_call_id", how.id}, {"name", probe_tool}, {"content", "1"}});
  auto text = rendered(card, std::move(messages), probe_tools(), {}, false);
  if (text) text->erase(0, std::min(text->rfind(question), text->size() - question.size()) + question.size());
  return text;
}

// Calls without an end mark end where a brace or bracket does; an end of the turn follows.
bool is_probe(const call_marks& marks, std::string_view text) {
  static const offered_tools tools(probe_tools().dump());
  static const std::vector<tool_call> expected{{std::string(probe_tool), json{{probe_key, probe_value}}.dump()}};
  const auto matches = [&](std::string_view inner) { return read_calls(marks, inner, tools) == expected; };
  if (!marks.end.empty()) return matches(text.substr(0, text.find(marks.end)));
  for (auto end = text.find_first_of("}]"); end != text.npos; end = text.find_first_of("}]", end + 1))
    if (matches(text.substr(0, end + 1))) return true;
  return false;
}

// What stands between a tool's name and its arguments, out of the text between the name and the first key.
std::string_view name_end_of(std::string_view between) {
  if (const auto brace = between.find('{'); brace != between.npos) return between.substr(0, brace);
  if (const auto first = between.find_first_not_of(" \n"); first == between.npos || between[first] == '<') return {};
  return between.substr(0, between.find('>') + 1);
}

void learn_calls(const std::string& answer, model_dialect& dialect) {
  for (const auto& marks : known_call_marks()) {
    // Without marks a call is all of the answer: it begins with the brace before the name.
    const auto begin = marks.begin.empty() ? answer.rfind('{', answer.find(probe_tool)) : answer.find(marks.begin);
    if (begin >= answer.size() || !is_probe(marks, std::string_view(answer).substr(begin + marks.begin.size()))) continue;
    dialect.calls = &marks;
    const auto name = answer.find(probe_tool, begin), after = name + probe_tool.size();
    dialect.call_start = answer.substr(begin, name - begin);
    const auto between = std::string_view(answer).substr(after, answer.find(probe_key, after) - after);
    dialect.name_end = name_end_of(between);
    dialect.json_arguments = between.find('{') != between.npos;
    return;
  }
}

// Whether a mark is, or has, a control token.
bool is_special(const tokenizer& tokens, std::string_view mark) {
  const auto ids = tokens.encode(mark, {.add_special = false, .parse_special = true, .add_space_prefix = false});
  return std::any_of(ids.begin(), ids.end(), [&](auto id) { return tokens.piece(id).empty(); });
}

} // namespace

model_dialect model_dialect::of(std::shared_ptr<const model_card> card) {
  model_dialect dialect;
  dialect.card = std::move(card);
  if (!dialect.card || !dialect.card->chat) return dialect;
  auto shown = dialect.card->chat->source();
  for (const auto& how : all_probes()) {
    const auto answer = probed_answer(*dialect.card, how);
    if (!answer && answer.error().code == errc::too_large) break; // a template that comes to no end has been waited for long enough
    if (!answer) continue;
    learn_calls(*answer, dialect);
    dialect.arguments_as_text = dialect.calls && how.arguments_as_text;
    dialect.content_is_null = dialect.calls && how.content_is_null;
    shown += *answer;
    if (dialect.calls) break;
  }
  for (const auto& marks : known_reasoning)
    if (dialect.reasoning_end.empty() && shown.find(marks.end) != std::string::npos) {
      dialect.reasoning_begin = marks.begin;
      dialect.reasoning_end = marks.end;
    }
  const auto& tokens = *dialect.card->tokenizer;
  dialect.marks_are_special = dialect.calls && (is_special(tokens, dialect.calls->begin) || is_special(tokens, dialect.calls->separator) || is_special(tokens, dialect.calls->item_begin));
  dialect.marks_are_special = dialect.marks_are_special || is_special(tokens, dialect.reasoning_begin) || is_special(tokens, dialect.reasoning_end);
  return dialect;
}

bool model_dialect::knows_variable(std::string_view name) const {
  const std::string_view source = card->chat->source();
  const auto is_part = [&](std::size_t at) { return at < source.size() && (std::isalnum(static_cast<unsigned char>(source[at])) != 0 || source[at] == '_'); };
  for (auto at = source.find(name); at != source.npos; at = source.find(name, at + 1))
    if (!name.empty() && !(at > 0 && is_part(at - 1)) && !is_part(at + name.size())) return true;
  return false;
}

bool model_dialect::begins_with_reasoning(std::string_view tools, std::string_view variables) const {
  if (reasoning_begin.empty()) return false;
  const auto parsed = [](std::string_view text) { return text.empty() ? json() : json::parse(text, nullptr, false); };
  const auto prompt = rendered(*card, json::array({{{"role", "user"}, {"content", question}}}), parsed(tools), parsed(variables), true).value_or(std::string());
  const auto begun = prompt.rfind(reasoning_begin), ended = prompt.rfind(reasoning_end), asked = prompt.rfind(question);
  return begun != prompt.npos && asked != prompt.npos && begun > asked && (ended == prompt.npos || ended < begun);
}

} // namespace tokamak::frontend::openai
