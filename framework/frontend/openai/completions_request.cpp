// POST /v1/completions: texts, or token ids, that go on.
#include "frontend/openai/request_reading.hpp"

namespace tokamak::frontend::openai {

namespace {

constexpr auto prompt_types = "a string, an array of strings, an array of token ids or an array of those";

void note_empty(fields& in, const std::string& path) {
  note(in.found(), wrong_request(fmt::format("'{}' must not be empty", path), path, "invalid_value"));
}

wire::PromptT text_prompt(fields& in, const json& text, const std::string& path) {
  wire::PromptT prompt;
  if (!text.is_string()) note(in.found(), type_error(path, "a string, as the first one is", text));
  else if (prompt.text = text.get<std::string>(); prompt.text.empty()) note_empty(in, path);
  return prompt;
}

wire::PromptT token_prompt(fields& in, const json& ids, const std::string& path) {
  wire::PromptT prompt;
  if (!ids.is_array()) note(in.found(), type_error(path, "an array of token ids, as the first one is", ids));
  else if (ids.empty()) note_empty(in, path);
  else prompt.tokens.reserve(ids.size());
  for (std::size_t i = 0; ids.is_array() && i < ids.size() && !in.found(); ++i) {
    if (const auto token = token_of(ids[i])) prompt.tokens.push_back(*token);
    else note(in.found(), type_error(element(path, i), "a token id", ids[i]));
  }
  return prompt;
}

std::vector<wire::PromptT> prompts_of(fields& in) {
  std::vector<wire::PromptT> prompts;
  const auto* given = in.find("prompt");
  if (!given) {
    in.missing("prompt");
  } else if (given->is_string()) {
    prompts.push_back(text_prompt(in, *given, "prompt"));
  } else if (!given->is_array()) {
    in.wrong_type("prompt", prompt_types, *given);
  } else if (given->empty()) {
    note_empty(in, "prompt");
  } else if (const auto& first = given->front(); first.is_number()) {
    prompts.push_back(token_prompt(in, *given, "prompt"));
  } else if (!first.is_string() && !first.is_array()) {
    note(in.found(), type_error("prompt[0]", "a string, a token id or an array of those", first));
  } else if (given->size() > max_choices) {
    in.wrong("prompt", fmt::format("'prompt' must have at most {} prompts, got {}", max_choices, given->size()));
  } else {
    for (std::size_t i = 0; i < given->size() && !in.found(); ++i) {
      const auto path = element("prompt", i);
      prompts.push_back(first.is_string() ? text_prompt(in, (*given)[i], path) : token_prompt(in, (*given)[i], path));
    }
  }
  return prompts;
}

void read_echo(fields& in, generation_request& request, const std::vector<wire::PromptT>& prompts) {
  if (!in.flag("echo").value_or(false)) return;
  if (request.logprobs) in.unsupported("echo", "prompts have no 'logprobs'");
  for (const auto& prompt : prompts) {
    if (!prompt.tokens.empty()) in.unsupported("echo", "prompts of token ids have no text here");
    request.echo.push_back(prompt.text);
  }
}

} // namespace

void read_completions(fields& in, generation_request& request, wire::OpenT like) {
  auto prompts = prompts_of(in);
  request.prompts = static_cast<std::uint32_t>(prompts.size());
  request.choices = static_cast<std::uint32_t>(in.integer("n", {1, 128}).value_or(1));
  if (const auto best = in.integer("best_of", {1, 128}); best && *best != request.choices)
    in.unsupported("best_of", "no answers are made but those that are sent; the same as 'n' expected");
  if (const auto* suffix = in.text("suffix"); suffix && !suffix->empty()) in.unsupported("suffix", "models are asked to go on, not to fill in");
  if (const auto n = in.integer("logprobs", {0, 5})) {
    request.logprobs = true;
    request.top_logprobs = static_cast<std::uint32_t>(*n);
  }
  read_echo(in, request, prompts);
  read_form(in, "response_format", request, like);
  read_other_forms(in, request, like);
  bool add_special = true;
  for (const auto name : {"add_special", "add_special_tokens"}) add_special = in.flag(name).value_or(add_special);
  read_limit(in, {"max_tokens", "max_completion_tokens", "n_predict"}, like);
  read_stops(in, like);
  ask_for_logprobs(request, like);
  std::uint64_t bytes = 0;
  for (auto& prompt : prompts) {
    prompt.add_special = add_special;
    bytes += prompt.text.size() + prompt.tokens.size() * sizeof(std::int32_t);
  }
  check_cost(in, request, bytes);
  if (in.found()) return;
  for (const auto& prompt : prompts) open_choices(request, like, prompt);
}

} // namespace tokamak::frontend::openai
