// What every API's answer keeps of its choices.
#include "frontend/openai/answer.hpp"

#include "frontend/openai/json_text.hpp"
#include "message/wire_error.hpp"

#include <algorithm>

namespace tokamak::frontend::openai {

answer::answer(generation_request request, std::string id, std::int64_t created_unix_s)
    : request_(std::move(request)), choices_(request_.n_answers()), running_(choices_.size()) {
  for (std::size_t i = 0; request_.reading.reads() && i < choices_.size(); ++i) readers_.emplace_back(request_.reading);
  const answer_head head{std::move(id), created_unix_s};
  format_ = request_.kind == api::responses ? make_response_events(request_, head) : make_choice_events(request_, head);
}

void answer::take(std::size_t index, const wire::Chunk& chunk, std::string& out) {
  if (failure_ || index >= choices_.size()) return;
  auto& choice = choices_[index];
  if (choice.finish != wire::FinishReason::none) return;
  const auto finish = chunk.finish();
  if (finish == wire::FinishReason::cancelled && !chunk.error()) return fail(from({errc::cancelled, "the request was cancelled", {}}), out);
  if (finish == wire::FinishReason::error || finish == wire::FinishReason::cancelled)
    return fail(failure_of(chunk), out);
  add(choice, index, chunk, out);
  if (finish == wire::FinishReason::none) return;
  choice.finish = finish;
  --running_;
  if (!request_.stream) return;
  format_->end(index, choice, out);
  if (running_ == 0) format_->finish(choices_, usage(), out);
}

// An error of the form that was asked for is one of its field.
api_error answer::failure_of(const wire::Chunk& chunk) const {
  if (!chunk.error()) return from({errc::internal, "the answer ended with an error", {}});
  const auto why = from_wire(*chunk.error());
  auto error = from(why);
  if (why.where != "constraint" || request_.form_field.empty()) return error;
  error.param = request_.form_field;
  error.message = fmt::format("'{}': {}", error.param, error.message);
  return error;
}

void answer::add(answered_choice& choice, std::size_t index, const wire::Chunk& chunk, std::string& out) {
  if (!choice.begun) {
    choice.begun = true;
    if (request_.stream) format_->begin(index, out);
  }
  const auto n = chunk.tokens() ? chunk.tokens()->size() : 0;
  choice.completion_tokens += n;
  if (const auto* usage = chunk.usage()) {
    choice.prompt_tokens = usage->prompt_tokens();
    choice.cached_tokens = usage->cached_tokens();
    // The last one knows better what was computed; those before come with the first tokens only.
    if (chunk.finish() != wire::FinishReason::none) choice.completion_tokens = usage->completion_tokens();
  }
  const auto text = chunk.text() ? chunk.text()->string_view() : std::string_view();
  std::vector<chosen_token> tokens;
  if (request_.logprobs && n > 0) tokens = chosen_tokens(chunk, request_.top_logprobs);
  if (readers_.empty()) return say(choice, index, text, std::move(tokens), out);
  auto& reader = readers_[index];
  if (reader.in_reasoning()) choice.reasoning_tokens += static_cast<std::uint32_t>(n);
  deliver(choice, index, reader.push(text), std::move(tokens), out);
  if (chunk.finish() != wire::FinishReason::none) deliver(choice, index, reader.finish(), {}, out);
}

void answer::deliver(answered_choice& choice, std::size_t index, answer_parts::parts parts, std::vector<chosen_token> tokens, std::string& out) {
  if (!parts.reasoning.empty() && request_.include_reasoning) {
    if (request_.stream) format_->reason(index, parts.reasoning, out);
    if (!request_.stream || format_->keeps_text()) choice.reasoning += parts.reasoning;
  }
  say(choice, index, parts.said, std::move(tokens), out);
  for (auto& call : parts.calls) {
    if (request_.stream) format_->call(index, choice.n_calls, call, out);
    else choice.calls.push_back(std::move(call));
    ++choice.n_calls;
  }
}

void answer::say(answered_choice& choice, std::size_t index, std::string_view text, std::vector<chosen_token> tokens, std::string& out) {
  if (request_.stream && (!text.empty() || !tokens.empty())) format_->go_on(index, text, tokens, choice.characters, out);
  if (request_.stream)
    for (const auto& token : tokens) choice.characters += characters_of(token.bytes.value_or(""));
  if (!request_.stream || format_->keeps_text()) choice.text += text;
  if (!request_.stream) std::move(tokens.begin(), tokens.end(), std::back_inserter(choice.tokens));
}

void answer::fail(api_error why, std::string& out) {
  failure_ = std::move(why);
  running_ = 0;
  const bool begun = std::any_of(choices_.begin(), choices_.end(), [](const auto& c) { return c.begun; });
  if (request_.stream && begun) format_->fail(*failure_, out);
}

answer_usage answer::usage() const {
  answer_usage all;
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    const auto& choice = choices_[i];
    if (i % request_.choices == 0) {
      all.prompt_tokens += choice.prompt_tokens;
      all.cached_tokens += choice.cached_tokens;
    }
    all.completion_tokens += choice.completion_tokens;
    all.reasoning_tokens += choice.reasoning_tokens;
  }
  return all;
}

std::string answer::body() const { return format_->body(choices_, usage()); }

} // namespace tokamak::frontend::openai
