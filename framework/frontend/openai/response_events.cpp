// Answers of the responses API: an object whose items are the reasoning, if there is some, and a message with one text, and the named events
// in which they come to be.
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
      : message_id_("msg_" + head.id.substr(head.id.find('_') + 1)), reasoning_id_("rs_" + head.id.substr(head.id.find('_') + 1)),
        settings_(request.settings), thinks_(!request.reading.reasoning_end.empty()) {
    head_ = R"({"id":)";
    append_json_string(head.id, head_);
    head_ += R"(,"object":"response","created_at":)";
    head_ += std::to_string(head.created_unix_s);
    head_ += R"(,"model":)";
    append_json_string(request.model, head_);
  }

  bool keeps_text() const override { return true; }

  void begin(std::size_t, std::string& out) override {
    const auto created = response("in_progress", {}, nullptr, nullptr);
    for (const auto* name : {"response.created", "response.in_progress"}) event(name, R"(,"response":)" + created, out);
    if (!thinks_) begin_message(out); // else what comes first is not known yet
  }

  void reason(std::size_t, std::string_view text, std::string& out) override {
    if (reasoning_.empty()) event("response.output_item.added", R"(,"output_index":0,"item":)" + reasoning_item("in_progress", {}), out);
    reasoning_ += text;
    std::string delta;
    append_json_string(text, delta);
    event("response.reasoning_text.delta", reasoning_place() + R"(,"delta":)" + delta, out);
  }

  void call(std::size_t, std::size_t, const tool_call&, std::string&) override {} // requests of this API have no tools

  void go_on(std::size_t, std::string_view text, const std::vector<chosen_token>&, std::size_t, std::string& out) override {
    if (text.empty()) return;
    if (delta_start_.empty()) begin_message(out);
    out += delta_start_;
    append_escaped(text, out);
    out += R"(","logprobs":[],"sequence_number":)";
    append_number(sequence_++, out);
    out += "}\n\n";
  }

  void end(std::size_t, const answered_choice& answered, std::string& out) override {
    if (delta_start_.empty() && reasoning_.empty()) begin_message(out);
    if (delta_start_.empty()) return end_reasoning(status_of(answered), out); // it never came to an answer
    std::string text;
    append_json_string(answered.text, text);
    event("response.output_text.done", place() + R"(,"text":)" + text + R"(,"logprobs":[])", out);
    event("response.content_part.done", place() + R"(,"part":)" + part(answered.text), out);
    event("response.output_item.done", output_index() + R"(,"item":)" + item(status_of(answered), &answered.text), out);
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
    std::string items;
    if (!all[0].reasoning.empty()) items = reasoning_item(all[0].text.empty() ? status : "completed", all[0].reasoning);
    if (items.empty() || !all[0].text.empty()) items += (items.empty() ? "" : ",") + item(status, &all[0].text);
    return response(status, items, &usage, nullptr);
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
  void begin_message(std::string& out) {
    if (!reasoning_.empty()) end_reasoning("completed", out);
    delta_start_ = event_start("response.output_text.delta") + place() + R"(,"delta":")";
    event("response.output_item.added", output_index() + R"(,"item":)" + item("in_progress", nullptr), out);
    event("response.content_part.added", place() + R"(,"part":)" + part({}), out);
  }
  void end_reasoning(const char* status, std::string& out) {
    std::string text;
    append_json_string(reasoning_, text);
    event("response.reasoning_text.done", reasoning_place() + R"(,"text":)" + text, out);
    event("response.output_item.done", R"(,"output_index":0,"item":)" + reasoning_item(status, reasoning_), out);
  }
  // Which text an event speaks of. The message comes after the reasoning.
  std::string output_index() const { return reasoning_.empty() ? R"(,"output_index":0)" : R"(,"output_index":1)"; }
  std::string place() const { return fmt::format(R"(,"item_id":"{}"{},"content_index":0)", message_id_, output_index()); }
  std::string reasoning_place() const { return fmt::format(R"(,"item_id":"{}","output_index":0,"content_index":0)", reasoning_id_); }

  static std::string part(std::string_view text) {
    std::string out = R"({"type":"output_text","text":)";
    append_json_string(text, out);
    return out + R"(,"annotations":[],"logprobs":[]})";
  }
  std::string item(const char* status, const std::string* text) const {
    return fmt::format(R"({{"id":"{}","type":"message","status":"{}","role":"assistant","content":[{}]}})", message_id_, status,
                       text ? part(*text) : std::string());
  }
  std::string reasoning_item(const char* status, std::string_view text) const {
    auto out = fmt::format(R"({{"id":"{}","type":"reasoning","status":"{}","summary":[],"content":[)", reasoning_id_, status);
    if (!text.empty()) {
      out += R"({"type":"reasoning_text","text":)";
      append_json_string(text, out);
      out += '}';
    }
    return out + "]}";
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
                         R"("output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}})",
                         usage->prompt_tokens, usage->cached_tokens, usage->completion_tokens, usage->reasoning_tokens, usage->prompt_tokens + usage->completion_tokens);
    else out += "null";
    out += '}';
    return out;
  }

  std::string message_id_, reasoning_id_;
  std::string settings_;
  std::string head_;
  std::string delta_start_; ///< "" until the message begins
  std::string reasoning_;
  bool thinks_;             ///< its model may
  std::uint64_t sequence_ = 0;
};

} // namespace

std::unique_ptr<answer_format> make_response_events(const generation_request& request, const answer_head& head) {
  return std::make_unique<response_events>(request, head);
}

} // namespace tokamak::frontend::openai
