// Answers of chat completions and completions: a list of choices. An event of a token is a beginning made once per choice, the escaped
// text, and an end made once: at tens of thousands of tokens a second nothing else may cost.
#include "frontend/openai/answer_format.hpp"
#include "frontend/openai/json_text.hpp"

namespace tokamak::frontend::openai {

namespace {

std::string_view reason_of(const answered_choice& answered) {
  if (answered.finish == wire::FinishReason::length) return "length";
  return answered.n_calls > 0 ? "tool_calls" : "stop";
}

// Nine letters and digits, as some models' templates want them when they come back: a number of 53 bits from the answer's id and the call's place.
std::string call_id(std::string_view answer_id, std::size_t choice, std::size_t number) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : fmt::format("{}/{}/{}", answer_id, choice, number)) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  std::string id(9, '0');
  for (auto& c : id) {
    c = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[hash % 62];
    hash /= 62;
  }
  return id;
}

class choice_events final : public answer_format {
public:
  choice_events(const generation_request& request, const answer_head& head)
      : chat_(request.kind == api::chat_completions), logprobs_(request.logprobs), include_usage_(request.include_usage),
        choices_(request.choices), echo_(request.echo), id_(head.id), thinks_(!request.reading.reasoning_end.empty()) {
    head_ = R"({"id":)";
    append_json_string(head.id, head_);
    head_ += R"(,"object":")";
    head_ += !chat_ ? "text_completion" : request.stream ? "chat.completion.chunk" : "chat.completion";
    head_ += R"(","created":)";
    head_ += std::to_string(head.created_unix_s);
    head_ += R"(,"model":)";
    append_json_string(request.model, head_);
    head_ += R"(,"choices":[)";
    if (request.stream) {
      for (std::size_t i = 0; i < request.n_answers(); ++i) starts_.push_back(start_of(i));
      end_ = std::string(R"(,"finish_reason":null}])") + last_of_event();
    }
  }

  void begin(std::size_t choice, std::string& out) override {
    if (chat_) {
      out += starts_[choice];
      out += R"({"role":"assistant","content":""},"logprobs":null)";
      out += end_;
    } else if (!echo_.empty()) {
      text_event(choice, echo_of(choice), out);
    }
  }

  void go_on(std::size_t choice, std::string_view text, const std::vector<chosen_token>& tokens, std::size_t characters,
             std::string& out) override {
    if (tokens.empty()) return text_event(choice, text, out);
    out += starts_[choice];
    append_text(text, out);
    out += R"(,"logprobs":)";
    append_logprobs(tokens, characters, out);
    out += end_;
  }

  void reason(std::size_t choice, std::string_view text, std::string& out) override {
    out += starts_[choice];
    out += R"({"reasoning_content":)";
    append_json_string(text, out);
    out += R"(},"logprobs":null)";
    out += end_;
  }

  void call(std::size_t choice, std::size_t number, const tool_call& made, std::string& out) override {
    out += starts_[choice];
    out += R"({"tool_calls":[{"index":)";
    append_number(number, out);
    out += ',';
    append_call(choice, number, made, out);
    out += R"(]},"logprobs":null)";
    out += end_;
  }

  void end(std::size_t choice, const answered_choice& answered, std::string& out) override {
    out += starts_[choice];
    out += chat_ ? R"({},"logprobs":null,"finish_reason":")" : R"("","logprobs":null,"finish_reason":")";
    out += reason_of(answered);
    out += R"("}])";
    out += last_of_event();
  }

  void finish(const std::vector<answered_choice>&, const answer_usage& usage, std::string& out) override {
    if (include_usage_) {
      out += "data: ";
      out += head_;
      out += ']';
      append_usage(usage, out);
      out += "}\n\n";
    }
    out += "data: [DONE]\n\n";
  }

  void fail(const api_error& why, std::string& out) override {
    out += "data: ";
    out += body_of(why);
    out += "\n\n";
  }

  std::string body(const std::vector<answered_choice>& all, const answer_usage& usage) const override {
    auto out = head_;
    for (std::size_t i = 0; i < all.size(); ++i) {
      out += i > 0 ? R"(,{"index":)" : R"({"index":)";
      append_number(i, out);
      if (chat_) {
        out += R"(,"message":{"role":"assistant","content":)";
        append_message(all[i], i, out);
      } else {
        out += R"(,"text":")";
        if (!echo_.empty()) append_escaped(echo_of(i), out);
        append_escaped(all[i].text, out);
        out += '"';
      }
      out += R"(,"logprobs":)";
      if (logprobs_) append_logprobs(all[i].tokens, 0, out);
      else out += "null";
      out += R"(,"finish_reason":")";
      out += reason_of(all[i]);
      out += R"("})";
    }
    out += ']';
    append_usage(usage, out);
    out += '}';
    return out;
  }

private:
  std::string start_of(std::size_t choice) const {
    return "data: " + head_ + R"({"index":)" + std::to_string(choice) + (chat_ ? R"(,"delta":)" : R"(,"text":)");
  }
  const char* last_of_event() const { return include_usage_ ? ",\"usage\":null}\n\n" : "}\n\n"; }
  const std::string& echo_of(std::size_t choice) const { return echo_[choice / choices_]; }

  void append_text(std::string_view text, std::string& out) const {
    out += chat_ ? R"({"content":")" : "\"";
    append_escaped(text, out);
    out += chat_ ? "\"}" : "\"";
  }
  void text_event(std::size_t choice, std::string_view text, std::string& out) const {
    out += starts_[choice];
    append_text(text, out);
    out += R"(,"logprobs":null)";
    out += end_;
  }
  void append_logprobs(const std::vector<chosen_token>& tokens, std::size_t characters, std::string& out) const {
    if (chat_) append_chat_logprobs(tokens, out);
    else append_completion_logprobs(tokens, characters, out);
  }
  // `"id":…,"type":"function","function":{…}}`
  void append_call(std::size_t choice, std::size_t number, const tool_call& made, std::string& out) const {
    out += fmt::format(R"("id":"{}","type":"function","function":{{"name":)", call_id(id_, choice, number));
    append_json_string(made.name, out);
    out += R"(,"arguments":)";
    append_json_string(made.arguments, out);
    out += "}}";
  }
  // What follows `"content":` in a message.
  void append_message(const answered_choice& answered, std::size_t choice, std::string& out) const {
    if (answered.text.empty() && answered.n_calls > 0) out += "null";
    else append_json_string(answered.text, out);
    out += R"(,"refusal":null)";
    if (!answered.reasoning.empty()) {
      out += R"(,"reasoning_content":)";
      append_json_string(answered.reasoning, out);
    }
    for (std::size_t i = 0; i < answered.calls.size(); ++i) {
      out += i > 0 ? ",{" : R"(,"tool_calls":[{)";
      append_call(choice, i, answered.calls[i], out);
    }
    out += answered.calls.empty() ? "}" : "]}";
  }
  void append_usage(const answer_usage& usage, std::string& out) const {
    out += R"(,"usage":{"prompt_tokens":)";
    append_number(usage.prompt_tokens, out);
    out += R"(,"completion_tokens":)";
    append_number(usage.completion_tokens, out);
    out += R"(,"total_tokens":)";
    append_number(usage.prompt_tokens + usage.completion_tokens, out);
    out += R"(,"prompt_tokens_details":{"cached_tokens":)";
    append_number(usage.cached_tokens, out);
    out += '}';
    if (thinks_) {
      out += R"(,"completion_tokens_details":{"reasoning_tokens":)";
      append_number(usage.reasoning_tokens, out);
      out += '}';
    }
    out += '}';
  }

  bool chat_, logprobs_, include_usage_;
  std::uint32_t choices_;
  std::vector<std::string> echo_;
  std::string id_;
  bool thinks_;                     ///< its model may
  std::string head_;                ///< up to the choices
  std::vector<std::string> starts_; ///< of each choice's events, up to the delta
  std::string end_;                 ///< of an event within an answer
};

} // namespace

std::unique_ptr<answer_format> make_choice_events(const generation_request& request, const answer_head& head) {
  return std::make_unique<choice_events>(request, head);
}

} // namespace tokamak::frontend::openai
