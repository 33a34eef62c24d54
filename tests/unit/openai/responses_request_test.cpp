// Responses: items, and what answers repeat.
#include "requests.hpp"

using namespace tokamak;
using namespace tokamak::frontend::openai;

namespace {

std::string refused(const std::string& fields) { return refusal(api::responses, response_with(fields)); }
std::string bad_input(const std::string& input) { return refusal(api::responses, R"({"model":"m","input":)" + input + "}"); }

} // namespace

TEST_CASE("a text is a user's message, instructions stand in front") {
  const auto r = accepted(api::responses, response_with(R"("instructions":"Be brief.","max_output_tokens":5,"temperature":0,"user":"ann","metadata":{"a":"b"})"));
  REQUIRE(r.opens.size() == 1);
  CHECK(r.opens[0].prompt->json_messages == R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}])");
  CHECK(r.opens[0].generate == 5);
  CHECK(r.opens[0].sampling->temperature == 0);
  CHECK(r.opens[0].tenant == "ann");
  CHECK(r.settings ==
        R"("instructions":"Be brief.","max_output_tokens":5,"metadata":{"a":"b"},"parallel_tool_calls":true,"previous_response_id":null,)"
        R"("reasoning":{"effort":null,"summary":null},"service_tier":"default","store":false,"temperature":0.0,)"
        R"("text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":1.0,"truncation":"disabled","user":"ann")");
}

TEST_CASE("items are messages, answers that come back among them") {
  const auto r = accepted(api::responses, R"({"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"2+2?"}]},
    {"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"4","annotations":[],"logprobs":[]}]},
    {"type":"message","role":"developer","content":"More."}]})");
  CHECK(r.opens.at(0).prompt->json_messages == R"([{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"},{"role":"system","content":"More."}])");
  CHECK(bad_input("null") == wrong + "input missing_required_parameter: 'input' is missing");
  CHECK(bad_input("[]") == wrong + "input invalid_value: 'input' must not be empty");
  CHECK(bad_input("5") == wrong + "input invalid_type: 'input' must be a string or an array of items, got a number");
  CHECK(bad_input("[5]") == wrong + "input[0] invalid_type: 'input[0]' must be an object, got a number");
  CHECK(bad_input(R"([{"type":"item_reference","id":"r"}])") == wrong + "input[0].type unsupported_value: 'input[0].type' 'item_reference' is not supported: only messages are");
  CHECK(bad_input(R"([{"role":"user","content":[{"type":"input_image"}]}])") ==
        wrong + "input[0].content[0].type unsupported_value: 'input[0].content[0].type' 'input_image' is not supported: only text is");
}

TEST_CASE("harmless values of responses are accepted, others refused by name") {
  accepted(api::responses, response_with(R"("tools":[],"include":["reasoning.encrypted_content"],"reasoning":{},
    "prompt_cache_key":"chat 7","tool_choice":"auto","parallel_tool_calls":true,"store":null,
    "text":{"format":{"type":"text"},"verbosity":"medium"},"truncation":"disabled","background":false,"previous_response_id":null,"top_logprobs":0,
    "stream":true,"stream_options":{"include_obfuscation":false})"));
  CHECK(refused(R"("previous_response_id":"resp_1")") ==
        wrong + "previous_response_id unsupported_parameter: 'previous_response_id' is not supported: answers are not kept");
  CHECK(refused(R"("background":true)") == wrong + "background unsupported_parameter: 'background' is not supported: answers are not kept; false expected");
  CHECK(refused(R"("store":true)") == wrong + "store unsupported_parameter: 'store' is not supported: answers are not kept; false expected");
  CHECK(refused(R"("include":["reasoning.encrypted_content","message.output_text.logprobs"])") ==
        wrong + "include unsupported_parameter: 'include' is not supported: answers have nothing more; 'reasoning.encrypted_content', of which there is none, expected");
  CHECK(refused(R"("include":{})") == wrong + "include invalid_type: 'include' must be an array, got an object");
  CHECK(refused(R"("text":{"verbosity":"high"})") ==
        wrong + "text.verbosity unsupported_parameter: 'text.verbosity' is not supported: models are not told how much to say; 'medium' expected");
  CHECK(accepted(api::responses, response_with(R"("safety_identifier":"ann")")).opens.at(0).tenant == "ann");
  CHECK(refused(R"("tools":[{"type":"web_search"}])") ==
        wrong + "tools unsupported_parameter: 'tools' is not supported: this API has no tools yet; chat completions have");
  CHECK(refused(R"("truncation":"auto")") ==
        wrong + "truncation unsupported_parameter: 'truncation' is not supported: conversations are never shortened; 'disabled' expected");
  CHECK(refused(R"("text":{"format":{"type":"json_schema"}})") == wrong + "text.format.name missing_required_parameter: 'text.format.name' is missing");
  CHECK(accepted(api::responses, response_with(R"("reasoning":{"effort":"low"})")).variables == R"({"reasoning_effort":"low"})");
  CHECK(refused(R"("reasoning":{"effort":"most"})") == wrong + "reasoning.effort invalid_value: 'reasoning.effort' must be none, minimal, low, medium, high or xhigh, got 'most'");
  CHECK(refused(R"("reasoning":{"summary":"auto"})") == wrong + "reasoning.summary unsupported_parameter: 'reasoning.summary' is not supported: reasoning comes as it is");
  CHECK(refused(R"("max_tokens":5)") == wrong + "max_tokens unknown_parameter: unknown field 'max_tokens'; did you mean 'min_tokens'?");
  CHECK(refused(R"("stream":true,"stream_options":{"include_usage":true})")
            .starts_with(wrong + "stream_options.include_usage unknown_parameter: unknown field 'stream_options.include_usage'"));
}

TEST_CASE("reasoning that comes back goes to the template with its message") {
  const auto request = accepted(api::responses, R"({"model":"m","input":[{"role":"user","content":"Hi"},{"type":"reasoning","id":"rs_1","summary":[],"status":null,
    "content":[{"type":"reasoning_text","text":"Hm"}]},{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Yes","annotations":[]}]},
    {"role":"user","content":"Why?"}]})");
  CHECK(request.opens.at(0).prompt->json_messages ==
        R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes","reasoning_content":"Hm"},{"role":"user","content":"Why?"}])");
  CHECK(refusal(api::responses, R"({"model":"m","input":[{"type":"reasoning","content":[1]}]})") == wrong + "input[0].content[0] invalid_type: 'input[0].content[0]' must be an object, got a number");
}
