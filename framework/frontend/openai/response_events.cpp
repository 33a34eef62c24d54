// Answers of the responses API: an object whose one item is a message with one text, and the named events in which it comes to be.
#include "frontend/openai/answer_format.hpp"
#include "frontend/openai/json_text.hpp"

namespace tokamak::frontend::openai {

namespace {

// OpenAI knows few codes here.
std::string_view code_of(const api_error& why) {
  if (why.status == 429) return "rate_limit_exceeded";
  return why.status >= 400 && why.status < 499 ? "invalid_prompt" : "server_error";
}

class response_events final : public answer_format {
public:
  response_events(const generation_request& request, const answer_head& head)
      : item_id_("msg_" + head.id.substr(head.id.find('_') + 1)), settings_(request.settings) {
    head_ = R"({"id":)";
    append_json_string(head.id, head_);
    head_ += R"(,"object":"response","created_at":)";
    head_ += std::to_string(head.created_unix_s);
    head_ += R"(,"model":)";
    append_json_string(request.model, head_);
    delta_start_ = event_start("response.output_text.delta") + place() + R"(,"delta":")";
  }

  bool keeps_text() const override { return true; }

  void begin(std::size_t, std::string& out) override {
    const auto created = response("in_progress", {}, nullptr, nullptr);
    for (const auto* name : {"response.created", "response.in_progress"}) event(name, R"(,"response":)" + created, out);
    event("response.output_item.added", R"(,"output_index":0,"item":)" + item("in_progress", nullptr), out);
    event("response.content_part.added", place() + R"(,"part":)" + part({}), out);
  }

  void go_on(std::size_t, std::string_view text, const std::vector<chosen_token>&, std::size_t, std::string& out) override {
    if (text.empty()) return;
    out += delta_start_;
    append_escaped(text, out);
    out += R"(","logprobs":[],"sequence_number":)";
    append_number(sequence_++, out);
    out += "}\n\n";
  }

  void end(std::size_t, const answered_choice& answered, std::string& out) override {
    std::string text;
    append_json_string(answered.text, text);
    event("response.output_text.done", place() + R"(,"text":)" + text + R"(,"logprobs":[])", out);
    event("response.content_part.done", place() + R"(,"part":)" + part(answered.text), out);
    event("response.output_item.done", R"(,"output_index":0,"item":)" + item(status_of(answered), &answered.text), out);
  }

  void finish(const std::vector<answered_choice>& all, const answer_usage& usage, std::string& out) override {
    const auto name = all[0].finish == wire::FinishReason::length ? "response.incomplete" : "response.completed";
    event(name, R"(,"response":)" + body(all, usage), out);
  }

  void fail(const api_error& why, std::string& out) override {
    event("response.failed", R"(,"response":)" + response("failed", {}, nullptr, &why), out);
  }

  std::string body(const std::vector<answered_choice>& all, const answer_usage& usage) const override {
    const auto* status = status_of(all[0]);
    return response(status, item(status, &all[0].text), &usage, nullptr);
  }

private:
  static const char* status_of(const answered_choice& answered) {
    return answered.finish == wire::FinishReason::length ? "incomplete" : "completed";
  }

  static std::string event_start(std::string_view name) {
    return fmt::format("event: {}\ndata: {{\"type\":\"{}\"", name, name);
  }
  void event(std::string_view name, std::string_view fields, std::string& out) {
    out += event_start(name);
    out += fields;
    out += R"(,"sequence_number":)";
    append_number(sequence_++, out);
    out += "}\n\n";
  }
  // Which text an event speaks of.
  std::string place() const { return fmt::format(R"(,"item_id":"{}","output_index":0,"content_index":0)", item_id_); }

  static std::string part(std::string_view text) {
    std::string out = R"({"type":"output_text","text":)";
    append_json_string(text, out);
    return out + R"(,"annotations":[],"logprobs":[]})";
  }
  std::string item(const char* status, const std::string* text) const {
    return fmt::format(R"({{"id":"{}","type":"message","status":"{}","role":"assistant","content":[{}]}})", item_id_, status,
                       text ? part(*text) : std::string());
  }
  std::string response(std::string_view status, std::string_view output, const answer_usage* usage, const api_error* why) const {
    auto out = head_;
    out += fmt::format(R"(,"status":"{}","error":)", status);
    if (why) {
      out += fmt::format(R"({{"code":"{}","message":)", code_of(*why));
      append_json_string(why->message, out);
      out += '}';
    } else {
      out += "null";
    }
    out += R"(,"incomplete_details":)";
    out += status == "incomplete" ? R"({"reason":"max_output_tokens"})" : "null";
    out += R"(,"output":[)";
    out += output;
    out += "],";
    out += settings_;
    out += R"(,"usage":)";
    if (usage)
      out += fmt::format(R"({{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{},"cache_write_tokens":0}},"output_tokens":{},)"
                         R"("output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":{}}})",
                         usage->prompt_tokens, usage->cached_tokens, usage->completion_tokens, usage->prompt_tokens + usage->completion_tokens);
    else out += "null";
    out += '}';
    return out;
  }

  std::string item_id_;
  std::string settings_;
  std::string head_;
  std::string delta_start_;
  std::uint64_t sequence_ = 0;
};

} // namespace

std::unique_ptr<answer_format> make_response_events(const generation_request& request, const answer_head& head) {
  return std::make_unique<response_events>(request, head);
}

} // namespace tokamak::frontend::openai
