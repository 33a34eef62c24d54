// Answers of the responses API: events in their order, and one body.
#include "answers.hpp"

using namespace tokamak;
using namespace tokamak::frontend::openai;

namespace {

const std::string settings =
    R"("instructions":null,"max_output_tokens":null,"metadata":{},"parallel_tool_calls":true,"previous_response_id":null,)"
    R"("reasoning":{"effort":null,"summary":null},"service_tier":"default","store":false,"temperature":1.0,"text":{"format":{"type":"text"}},)"
    R"("tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","user":null)";

std::string response(const std::string& status, const std::string& error, const std::string& details, const std::string& output, const std::string& usage) {
  return R"({"id":"resp_1","object":"response","created_at":1700000000,"model":"m","status":")" + status + R"(","error":)" + error +
         R"(,"incomplete_details":)" + details + R"(,"output":[)" + output + "]," + settings + R"(,"usage":)" + usage + "}";
}

std::string event(const std::string& name, const std::string& fields, int number) {
  return "event: " + name + "\ndata: {\"type\":\"" + name + "\"," + fields + ",\"sequence_number\":" + std::to_string(number) + "}\n\n";
}

std::string part(const std::string& text) { return R"({"type":"output_text","text":")" + text + R"(","annotations":[],"logprobs":[]})"; }
std::string item(const std::string& status, const std::string& content) {
  return R"({"id":"msg_1","type":"message","status":")" + status + R"(","role":"assistant","content":[)" + content + "]}";
}

const std::string place_of_text = R"("item_id":"msg_1","output_index":0,"content_index":0)";
const std::string usage =
    R"({"input_tokens":7,"input_tokens_details":{"cached_tokens":3,"cache_write_tokens":0},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":9})";

} // namespace

TEST_CASE("a response streams its events in order") {
  answering a(api::responses, response_with(R"("stream":true)"), "resp_1");
  a.take(0, tokens("Hi\n"));
  const auto begun = response("in_progress", "null", "null", "", "null");
  CHECK(a.taken() == event("response.created", "\"response\":" + begun, 0) + event("response.in_progress", "\"response\":" + begun, 1) +
                         event("response.output_item.added", "\"output_index\":0,\"item\":" + item("in_progress", ""), 2) +
                         event("response.content_part.added", place_of_text + ",\"part\":" + part(""), 3) +
                         event("response.output_text.delta", place_of_text + R"(,"delta":"Hi\n","logprobs":[])", 4));
  a.take(0, tokens(""));
  CHECK(a.taken().empty());
  a.take(0, last(wire::FinishReason::stop, 7, 3, 2, "!"));
  CHECK(a.taken() == event("response.output_text.delta", place_of_text + R"(,"delta":"!","logprobs":[])", 5) +
                         event("response.output_text.done", place_of_text + R"(,"text":"Hi\n!","logprobs":[])", 6) +
                         event("response.content_part.done", place_of_text + ",\"part\":" + part("Hi\\n!"), 7) +
                         event("response.output_item.done", "\"output_index\":0,\"item\":" + item("completed", part("Hi\\n!")), 8) +
                         event("response.completed", "\"response\":" + response("completed", "null", "null", item("completed", part("Hi\\n!")), usage), 9));
  CHECK(a.of.finished());
}

TEST_CASE("a response that used up its tokens is incomplete") {
  answering a(api::responses, response_with(R"("stream":true)"), "resp_1");
  a.take(0, tokens("Hi"));
  a.taken();
  a.take(0, last(wire::FinishReason::length, 7, 3, 2));
  const auto whole = response("incomplete", "null", R"({"reason":"max_output_tokens"})", item("incomplete", part("Hi")), usage);
  CHECK(a.taken() == event("response.output_text.done", place_of_text + R"(,"text":"Hi","logprobs":[])", 5) +
                         event("response.content_part.done", place_of_text + ",\"part\":" + part("Hi"), 6) +
                         event("response.output_item.done", "\"output_index\":0,\"item\":" + item("incomplete", part("Hi")), 7) +
                         event("response.incomplete", "\"response\":" + whole, 8));

  answering b(api::responses, response_with(""), "resp_1");
  b.take(0, tokens("Hi")).take(0, last(wire::FinishReason::length, 7, 3, 2));
  CHECK(b.taken().empty());
  CHECK(b.of.body() == whole);
}

TEST_CASE("a response that fails on its way says so in its last event") {
  answering a(api::responses, response_with(R"("stream":true)"), "resp_1");
  a.take(0, tokens("Hi"));
  a.taken();
  a.take(0, failed(errc::internal, "it \"broke\""));
  CHECK(a.taken() == event("response.failed", "\"response\":" + response("failed", R"({"code":"server_error","message":"it \"broke\""})", "null", "", "null"), 5));
  CHECK(a.of.failure()->status == 500);
}
