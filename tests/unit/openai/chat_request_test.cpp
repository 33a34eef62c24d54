// Chat completions: what they open, and what is refused.
#include "requests.hpp"

using namespace tokamak;
using namespace tokamak::frontend::openai;

namespace {

std::string refused(const std::string& fields) { return refusal(api::chat_completions, chat_with(fields)); }

std::string messages_of(const std::string& messages) {
  return accepted(api::chat_completions, R"({"model":"m","messages":[)" + messages + "]}").opens.at(0).prompt->json_messages;
}

std::string bad_messages(const std::string& messages) { return refusal(api::chat_completions, R"({"model":"m","messages":[)" + messages + "]}"); }

} // namespace

TEST_CASE("a plain conversation opens one sequence with OpenAI's defaults") {
  const auto r = accepted(api::chat_completions, chat_with(""));
  CHECK(r.model == "m");
  CHECK_FALSE(r.stream);
  CHECK(r.n_answers() == 1);
  REQUIRE(r.opens.size() == 1);
  const auto& o = r.opens[0];
  CHECK(o.id == 0);
  CHECK(o.target == "m");
  CHECK(o.generate == rest_of_context);
  CHECK(o.prompt->json_messages == R"([{"role":"user","content":"Hi"}])");
  CHECK(o.prompt->tools.empty());
  CHECK(o.sampling->temperature == 1);
  CHECK(o.sampling->top_p == 1);
  CHECK(o.sampling->top_k == 0);
  CHECK_FALSE(o.sampling->seed.has_value());
  CHECK_FALSE(o.sampling->logprobs);
  CHECK(o.sampling->top_logprobs == 0);
  CHECK(o.stops->strings.empty());
  CHECK(o.tenant.empty());
}

TEST_CASE("every field of sampling and of stops is passed on") {
  const auto r = accepted(api::chat_completions, chat_with(R"("temperature":0.5,"top_p":0.25,"top_k":40,"min_p":0.125,"repetition_penalty":1.5,
    "presence_penalty":-1,"frequency_penalty":2,"seed":-2,"logit_bias":{"5":-100,"7":1.5},"stop":["a","b"],"stop_token_ids":[3],
    "ignore_eos":true,"min_tokens":2,"max_tokens":9,"user":"ann","metadata":{"k":"v"},"stream":true,"stream_options":{"include_usage":true})"));
  CHECK(r.stream);
  CHECK(r.include_usage);
  const auto& o = r.opens.at(0);
  CHECK(o.generate == 9);
  CHECK(o.tenant == "ann");
  REQUIRE(o.metadata.size() == 1);
  CHECK(o.metadata[0]->key == "k");
  CHECK(o.metadata[0]->value == "v");
  CHECK(o.sampling->temperature == 0.5f);
  CHECK(o.sampling->top_p == 0.25f);
  CHECK(o.sampling->top_k == 40);
  CHECK(o.sampling->min_p == 0.125f);
  CHECK(o.sampling->repetition_penalty == 1.5f);
  CHECK(o.sampling->presence_penalty == -1);
  CHECK(o.sampling->frequency_penalty == 2);
  CHECK(*o.sampling->seed == UINT64_MAX - 1);
  CHECK(o.sampling->bias_tokens == std::vector<std::int32_t>{5, 7});
  CHECK(o.sampling->bias_values == std::vector<float>{-100, 1.5});
  CHECK(o.stops->strings == std::vector<std::string>{"a", "b"});
  CHECK(o.stops->tokens == std::vector<std::int32_t>{3});
  CHECK(o.stops->ignore_eos);
  CHECK(o.stops->min_tokens == 2);
}

TEST_CASE("n choices count a seed up, and a stop may be one string") {
  const auto r = accepted(api::chat_completions, chat_with(R"("n":3,"seed":7,"stop":"end","max_completion_tokens":4,"max_tokens":4)"));
  CHECK(r.n_answers() == 3);
  REQUIRE(r.opens.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(*r.opens[i].sampling->seed == 7 + i);
    CHECK(r.opens[i].prompt->json_messages == r.opens[0].prompt->json_messages);
    CHECK(r.opens[i].stops->strings == std::vector<std::string>{"end"});
    CHECK(r.opens[i].generate == 4);
  }
}

TEST_CASE("log-probabilities ask pools for more tokens than the client gets") {
  const auto r = accepted(api::chat_completions, chat_with(R"("logprobs":true,"top_logprobs":2)"));
  CHECK(r.logprobs);
  CHECK(r.top_logprobs == 2);
  CHECK(r.opens.at(0).sampling->logprobs);
  CHECK(r.opens.at(0).sampling->top_logprobs == 20);
  CHECK(refused(R"("top_logprobs":2)") == wrong + "top_logprobs invalid_value: 'top_logprobs' is only allowed when 'logprobs' is true");
  CHECK(refused(R"("logprobs":true,"top_logprobs":21)") == wrong + "top_logprobs invalid_value: 'top_logprobs' must be between 0 and 20, got 21");
}

TEST_CASE("null counts as absent, and harmless values are accepted") {
  const auto body = chat_with(
      R"("temperature":null,"stop":null,"tools":null,"max_tokens":null,"n":null,"reasoning_effort":null,"functions":null,"unheard_of":null,)"
      R"("store":false,"service_tier":"auto","response_format":{"type":"text"},"tool_choice":"none","parallel_tool_calls":true,)"
      R"("chat_template_kwargs":{},"modalities":["text"],"logprobs":false,"top_k":-1,"add_special_tokens":false)");
  const auto r = accepted(api::chat_completions, body);
  CHECK(r.opens.at(0).sampling->temperature == 1);
  CHECK(r.opens.at(0).sampling->top_k == 0);
}

TEST_CASE("other servers' names are read as their own") {
  const auto r = accepted(api::chat_completions, chat_with(R"("n_predict":7,"repeat_penalty":1.5,"seed":-1,"safety_identifier":"ann")"));
  CHECK(r.opens.at(0).generate == 7);
  CHECK(r.opens[0].sampling->repetition_penalty == 1.5f);
  CHECK_FALSE(r.opens[0].sampling->seed.has_value());
  CHECK(r.opens[0].tenant == "ann");
  for (const auto name : {"max_tokens", "max_completion_tokens", "n_predict"}) {
    CHECK(accepted(api::chat_completions, chat_with(fmt::format(R"("{}":-1)", name))).opens.at(0).generate == rest_of_context);
    CHECK(refused(fmt::format(R"("{}":-2)", name)) == wrong + fmt::format("{0} invalid_value: '{0}' must be at least 1, got -2", name));
  }
  CHECK(accepted(api::chat_completions, chat_with(R"("repeat_penalty":1.5,"repetition_penalty":1.5,"user":"ann","safety_identifier":"ann")")).opens.at(0).tenant == "ann");
  CHECK(refused(R"("max_tokens":4,"n_predict":-1)") ==
        wrong + "n_predict invalid_value: 'max_tokens' is 4 and 'n_predict' is -1; one of them, or equal ones, expected");
  CHECK(refused(R"("repeat_penalty":1.5,"repetition_penalty":1)") ==
        wrong + "repeat_penalty invalid_value: 'repetition_penalty' is 1 and 'repeat_penalty' is 1.5; one of them, or equal ones, expected");
  CHECK(refused(R"("user":"ann","safety_identifier":"ben")") ==
        wrong + "safety_identifier invalid_value: 'user' is 'ann' and 'safety_identifier' is 'ben'; one of them, or equal ones, expected");
  CHECK(refused(R"("safety_identifier":")" + std::string(300, 'x') + "\"") ==
        wrong + "safety_identifier invalid_value: 'safety_identifier' must have at most 256 bytes, got 300");
}

TEST_CASE("a field whose value asks for what is done anyway is accepted, any other value of it is refused") {
  struct neutral {
    std::string name, accepted, refused, why;
  };
  const std::string no_sampler = "engines have no such sampler; ", as_text = "tokens are told as text; false expected";
  const neutral all[] = {
      {"prompt_cache_retention", R"("in_memory")", R"("24h")", "prefixes are kept in memory while there is room; 'in_memory' expected"},
      {"verbosity", R"("medium")", R"("low")", "models are not told how much to say; 'medium' expected"},
      {"typical_p", "1.0", "0.9", no_sampler + "1 expected"},
      {"typ_p", "1", "0.9", no_sampler + "1 expected"},
      {"tfs_z", "1", "0.9", no_sampler + "1 expected"},
      {"top_a", "0", "0.1", no_sampler + "0 expected"},
      {"top_n_sigma", "-1", "1", no_sampler + "-1 expected"},
      {"mirostat", "0", "2", no_sampler + "0 expected"},
      {"dynatemp_range", "0.0", "0.5", no_sampler + "0 expected"},
      {"xtc_probability", "0", "-0.5", no_sampler + "0 expected"},
      {"dry_multiplier", "0", "0.8", no_sampler + "0 expected"},
      {"length_penalty", "1.0", "2", no_sampler + "1 expected"},
      {"cache_prompt", "true", "false", "prefixes are always found again; true expected"},
      {"use_beam_search", "false", "true", "each choice is sampled for itself; false expected"},
      {"spaces_between_special_tokens", "true", "false", "special tokens stand as the model wrote them; true expected"},
      {"include_stop_str_in_output", "false", "true", "texts end before a stop; false expected"},
      {"return_tokens_as_token_ids", "false", "true", as_text},
      {"return_token_ids", "false", "true", as_text},
      {"return_tokens", "false", "true", as_text},
      {"timings_per_token", "false", "true", "answers have no timings; false expected"},
      {"return_progress", "false", "true", "events begin with the answer; false expected"},
      {"post_sampling_probs", "false", "true", "log-probabilities are those of the model; false expected"}};
  for (const auto& f : all) {
    CHECK_MESSAGE(refused(fmt::format(R"("{}":{})", f.name, f.accepted)) == "accepted", f.name);
    CHECK(refused(fmt::format(R"("{}":{})", f.name, f.refused)) == wrong + fmt::format("{0} unsupported_parameter: '{0}' is not supported: {1}", f.name, f.why));
    CHECK(refused(fmt::format(R"("{}":[])", f.name)).starts_with(wrong + f.name + " invalid_type: "));
  }
  CHECK(refused(R"("prompt_cache_key":"chat 7","prompt_cache_retention":"in-memory","top_n_sigma":-2.5)") == "accepted");
  CHECK(refused(R"("mirostat":0,"mirostat_tau":5,"mirostat_eta":0.1,"dynatemp_exponent":1,"xtc_threshold":0.1,"dry_base":1.75,"dry_allowed_length":2,)"
                R"("dry_penalty_last_n":-1,"dry_sequence_breakers":["\n"])") == "accepted");
}

TEST_CASE("how far back penalties look matters only where there are some") {
  CHECK(refused(R"("repeat_last_n":64,"repeat_penalty":1.0)") == "accepted");
  CHECK(refused(R"("repeat_last_n":-1,"repeat_penalty":1.1)") == "accepted");
  for (const auto penalty : {R"("repeat_penalty":1.1)", R"("presence_penalty":0.5)", R"("frequency_penalty":0.5)"})
    CHECK(refused(fmt::format(R"("repeat_last_n":64,{})", penalty)) ==
          wrong + "repeat_last_n unsupported_parameter: 'repeat_last_n' is not supported: penalties look at all tokens; -1 expected");
}

TEST_CASE("messages come in the form that templates are written for") {
  CHECK(messages_of(R"({"content":"Be brief.","role":"developer","name":"x"})") == R"([{"role":"system","content":"Be brief.","name":"x"}])");
  CHECK(messages_of(R"({"role":"user","content":[{"type":"text","text":"a "},{"type":"input_text","text":"b"}]})") == R"([{"role":"user","content":"a b"}])");
  CHECK(messages_of(R"({"role":"assistant","content":[{"type":"refusal","refusal":"No."}],"refusal":null,"annotations":[],"audio":null})") ==
        R"([{"role":"assistant","content":"No."}])");
  CHECK(messages_of(R"({"role":"assistant","content":"4","reasoning_content":"2+2"})") == R"([{"role":"assistant","content":"4","reasoning_content":"2+2"}])");
  CHECK(messages_of(R"({"role":"user","content":"é\u0000\n"})") == "[{\"role\":\"user\",\"content\":\"é\\u0000\\n\"}]");
}

TEST_CASE("calls of tools keep their order of keys, with arguments as an object") {
  CHECK(messages_of(R"({"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","index":0,)"
                    R"("function":{"name":"add","arguments":"{\"z\":1,\"a\":[2]}"}}]},{"role":"tool","tool_call_id":"c1","content":"3"})") ==
        R"([{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":{"z":1,"a":[2]}}}]},)"
        R"({"role":"tool","content":"3","tool_call_id":"c1"}])");
  CHECK(bad_messages(R"({"role":"assistant","tool_calls":[{"function":{"name":"add","arguments":"{"}}]})")
            .starts_with(wrong + "messages[0].tool_calls[0].function.arguments invalid_value: 'messages[0].tool_calls[0].function.arguments' must be a JSON "
                                 "object written as a string: the body is no valid JSON: at byte 1: "));
  CHECK(bad_messages(R"({"role":"user","content":"x","tool_calls":[]})") ==
        wrong + "messages[0].tool_calls invalid_value: 'messages[0].tool_calls' belongs to the role assistant, not user");
  CHECK(bad_messages(R"({"role":"assistant","tool_calls":[{"type":"custom","function":{"name":"a"}}]})") ==
        wrong + "messages[0].tool_calls[0].type unsupported_value: 'messages[0].tool_calls[0].type' 'custom' is not supported: 'function' expected");
}

TEST_CASE("tools are passed on as they are, unless they are not to be used") {
  const std::string tools = R"([{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","b":1,"a":2}}}])";
  CHECK(accepted(api::chat_completions, chat_with(R"("tools":)" + tools)).opens.at(0).prompt->tools == tools);
  CHECK(accepted(api::chat_completions, chat_with(R"("tool_choice":"auto","tools":)" + tools)).opens.at(0).prompt->tools == tools);
  CHECK(accepted(api::chat_completions, chat_with(R"("tool_choice":"none","tools":)" + tools)).opens.at(0).prompt->tools.empty());
  CHECK(accepted(api::chat_completions, chat_with(R"("tools":[])")).opens.at(0).prompt->tools.empty());
  CHECK(accepted(api::chat_completions, chat_with(R"("tool_choice":"required","tools":)" + tools)).function == "f"); // there is no other
  CHECK(accepted(api::chat_completions, chat_with(R"("tool_choice":"required","tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}])")).use == tool_use::required);
  const auto forced = accepted(api::chat_completions, chat_with(R"("tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"tools":)" + tools));
  CHECK(forced.use == tool_use::one_function);
  CHECK(forced.function == "f");
  CHECK(forced.one_call);
  CHECK(refused(R"("tool_choice":"any","tools":)" + tools) == wrong + "tool_choice invalid_value: 'tool_choice' must be auto, none, required or a function, got 'any'");
  CHECK(refused(R"("tool_choice":1,"tools":)" + tools) == wrong + "tool_choice invalid_type: 'tool_choice' must be a string or an object, got a number");
  CHECK(refused(R"("tool_choice":"required")") == wrong + "tool_choice invalid_value: 'tool_choice' asks for a call and there are no 'tools'");
  CHECK(refused(R"("tool_choice":{"type":"function","function":{"name":"g"}},"tools":)" + tools) == wrong + "tool_choice invalid_value: 'tool_choice.function.name' 'g' is none of 'tools'");
  CHECK(refused(R"("tool_choice":{"type":"function"},"tools":)" + tools) == wrong + "tool_choice.function missing_required_parameter: 'tool_choice.function' is missing");
  CHECK(refused(R"("tool_choice":{"type":"allowed_tools","function":{"name":"f"}},"tools":)" + tools) ==
        wrong + "tool_choice.type unsupported_value: 'tool_choice.type' 'allowed_tools' is not supported: 'function' expected");
  CHECK(refused(R"("tools":[{"type":"web_search"}])") ==
        wrong + "tools[0].type unsupported_value: 'tools[0].type' 'web_search' is not supported: 'function' expected");
  CHECK(refused(R"("tools":[{"type":"function","function":{"name":"f","strict":true}}])") ==
        wrong + "tools[0].function.strict unsupported_parameter: 'tools[0].function.strict' is not supported: only the call of one function is held to a schema; 'tool_choice' of a function expected");
  const auto held = accepted(api::chat_completions, chat_with(R"("tool_choice":"required","tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{}}}}])"));
  CHECK(held.form_field == "tools[0].function.parameters");
  CHECK(held.opens.at(0).constraint->text == R"({"type":"object","properties":{}})");
  CHECK_FALSE(accepted(api::chat_completions, chat_with(R"("tool_choice":"none","tools":[{"type":"function","function":{"name":"f","strict":true}}])")).opens.at(0).constraint);
  CHECK(refused(R"("tools":[{"type":"function","function":{"parameters":{}}}])") ==
        wrong + "tools[0].function.name missing_required_parameter: 'tools[0].function.name' is missing");
}

TEST_CASE("a request that names no model asks for the only one") {
  const std::string body = R"({"messages":[{"role":"user","content":"Hi"}]})";
  const auto read = read_request(api::chat_completions, body, "small");
  REQUIRE(read);
  CHECK(read->model == "small");
  CHECK(read->opens.front().target == "small");
  CHECK(read_request(api::chat_completions, chat_with(""), "small")->model == "m");
}

TEST_CASE("messages that say something wrong are told with their place") {
  CHECK(refusal(api::chat_completions, R"({"messages":[]})") == wrong + "model missing_required_parameter: 'model' is missing");
  CHECK(refusal(api::chat_completions, R"({"model":"m"})") == wrong + "messages missing_required_parameter: 'messages' is missing");
  CHECK(bad_messages("") == wrong + "messages invalid_value: 'messages' must not be empty");
  CHECK(bad_messages("1") == wrong + "messages[0] invalid_type: 'messages[0]' must be an object, got a number");
  CHECK(bad_messages(R"({"content":"x"})") == wrong + "messages[0].role missing_required_parameter: 'messages[0].role' is missing");
  CHECK(bad_messages(R"({"role":"robot","content":"x"})") ==
        wrong + "messages[0].role invalid_value: 'messages[0].role' must be system, developer, user, assistant, tool or function, got 'robot'");
  CHECK(bad_messages(R"({"role":"user"})") == wrong + "messages[0].content missing_required_parameter: 'messages[0].content' is missing");
  CHECK(bad_messages(R"({"role":"user","content":"a"},{"role":"user","content":5})") ==
        wrong + "messages[1].content invalid_type: 'messages[1].content' must be a string or an array of parts, got a number");
  CHECK(bad_messages(R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]})") ==
        wrong + "messages[0].content[0].type unsupported_value: 'messages[0].content[0].type' 'image_url' is not supported: only text is");
  CHECK(bad_messages(R"({"role":"user","content":[{"type":"input_audio"}]})") ==
        wrong + "messages[0].content[0].type unsupported_value: 'messages[0].content[0].type' 'input_audio' is not supported: only text is");
  CHECK(bad_messages(R"({"role":"user","content":"x","contnet":"y"})") ==
        wrong + "messages[0].contnet unknown_parameter: unknown field 'messages[0].contnet'; did you mean 'messages[0].content'?");
}

TEST_CASE("a value of the wrong type, or out of its range, is told") {
  CHECK(refused(R"("temperature":"hot")") == wrong + "temperature invalid_type: 'temperature' must be a number, got a string");
  CHECK(refused(R"("temperature":2.5)") == wrong + "temperature invalid_value: 'temperature' must be between 0 and 2, got 2.5");
  CHECK(refused(R"("top_p":0)") == wrong + "top_p invalid_value: 'top_p' must be above 0 and at most 1, got 0");
  CHECK(refused(R"("presence_penalty":-3)") == wrong + "presence_penalty invalid_value: 'presence_penalty' must be between -2 and 2, got -3");
  CHECK(refused(R"("seed":1.5)") == wrong + "seed invalid_type: 'seed' must be an integer of 64 bits, got a number");
  CHECK(refused(R"("n":0)") == wrong + "n invalid_value: 'n' must be between 1 and 128, got 0");
  CHECK(refused(R"("n":1.5)") == wrong + "n invalid_type: 'n' must be an integer, got 1.5");
  CHECK(refused(R"("stream":1)") == wrong + "stream invalid_type: 'stream' must be a boolean, got a number");
  CHECK(refused(R"("logprobs":2)") == wrong + "logprobs invalid_type: 'logprobs' must be a boolean, got a number");
  CHECK(refused(R"("max_tokens":0)") == wrong + "max_tokens invalid_value: 'max_tokens' must be at least 1, got 0");
  CHECK(refused(R"("max_tokens":3,"max_completion_tokens":4)") ==
        wrong + "max_tokens invalid_value: 'max_completion_tokens' is 4 and 'max_tokens' is 3; one of them, or equal ones, expected");
  CHECK(refused(R"("min_tokens":5,"max_tokens":3)") ==
        wrong + "min_tokens invalid_value: 'min_tokens' must be at most the limit of the answer, which is 3, got 5");
  CHECK(refused(R"("stop":["a",""])") == wrong + "stop[1] invalid_value: 'stop[1]' must not be empty");
  CHECK(refused(R"("stop":[1])") == wrong + "stop[0] invalid_type: 'stop[0]' must be a string, got a number");
  CHECK(refused(R"("stop":1)") == wrong + "stop invalid_type: 'stop' must be a string or an array of strings, got a number");
  CHECK(refused(R"("stop":["1","2","3","4","5","6","7","8","9","a","b","c","d","e","f","g","h"])") ==
        wrong + "stop invalid_value: 'stop' must have at most 16 strings, got 17");
  CHECK(refused(R"("stop":")" + std::string(2000, 'x') + "\"") == wrong + "stop invalid_value: 'stop' must have at most 1024 bytes, got 2000");
  CHECK(refused(R"("stop_token_ids":[-1])") == wrong + "stop_token_ids[0] invalid_type: 'stop_token_ids[0]' must be a token id, got a number");
  CHECK(refused(R"("logit_bias":{"a":1})") == wrong + "logit_bias invalid_value: 'logit_bias' must have token ids as its keys, got 'a'");
  CHECK(refused(R"("logit_bias":{"1":101})") == wrong + "logit_bias.1 invalid_value: 'logit_bias.1' must be between -100 and 100, got 101");
  CHECK(refused(R"("metadata":{"a":1})") == wrong + "metadata.a invalid_type: 'metadata.a' must be a string, got a number");
  CHECK(refused(R"("user":")" + std::string(300, 'x') + "\"") == wrong + "user invalid_value: 'user' must have at most 256 bytes, got 300");
}

TEST_CASE("chat templates are told what a request says for them") {
  CHECK(accepted(api::chat_completions, chat_with(R"("chat_template_kwargs":{"enable_thinking":false,"n":1})")).opens.at(0).prompt->variables == R"({"enable_thinking":false,"n":1})");
  CHECK(accepted(api::chat_completions, chat_with(R"("reasoning_effort":"low")")).variables == R"({"reasoning_effort":"low"})");
  CHECK(accepted(api::chat_completions, chat_with(R"("reasoning_effort":"none")")).variables == R"({"reasoning_effort":"none","enable_thinking":false})");
  CHECK(accepted(api::chat_completions, chat_with(R"("chat_template_kwargs":{})")).variables.empty());
  CHECK(refused(R"("reasoning_effort":"most")") == wrong + "reasoning_effort invalid_value: 'reasoning_effort' must be none, minimal, low, medium, high or xhigh, got 'most'");
  CHECK(refused(R"("chat_template_kwargs":[])") == wrong + "chat_template_kwargs invalid_type: 'chat_template_kwargs' must be an object, got an array");
  CHECK(accepted(api::chat_completions, chat_with(R"("skip_special_tokens":false)")).opens.at(0).show_special);
}

TEST_CASE("an answer may go on where the last message ends") {
  const auto body = [](const std::string& messages) { return R"({"model":"m","add_generation_prompt":false,"continue_final_message":true,"messages":[)" + messages + "]}"; };
  const auto request = accepted(api::chat_completions, body(R"({"role":"user","content":"Hi"},{"role":"assistant","content":"Well,"})"));
  CHECK(request.opens.at(0).prompt->json_messages == R"([{"role":"user","content":"Hi"}])");
  CHECK(request.opens.at(0).prompt->answer_start == "Well,");
  CHECK(request.opens.at(0).prompt->variables.empty());
  CHECK(refusal(api::chat_completions, body(R"({"role":"user","content":"Hi"})")) ==
        wrong + "continue_final_message invalid_value: 'continue_final_message' needs a last message of the role assistant, with text, after others");
  CHECK(accepted(api::chat_completions, chat_with(R"("add_generation_prompt":false)")).opens.at(0).prompt->variables == R"({"add_generation_prompt":false})");
  CHECK_FALSE(accepted(api::chat_completions, chat_with(R"("reasoning_format":"none")")).split_reasoning);
  CHECK(refused(R"("reasoning_format":"xml")") == wrong + "reasoning_format unsupported_value: 'reasoning_format' 'xml' is not supported: auto, deepseek or none expected");
}

TEST_CASE("the form of an answer is a schema, by whatever name") {
  const std::string schema = R"({"type":"object","properties":{"b":{"type":"string"},"a":{"type":"integer"}}})"; // keys stay in their order
  const auto form = [](const std::string& fields) {
    const auto r = accepted(api::chat_completions, chat_with(fields));
    const auto& c = r.opens.at(0).constraint;
    return c ? r.form_field + " " + c->plugin + " " + c->text : "none";
  };
  CHECK(form(R"("response_format":{"type":"text"})") == "none");
  CHECK(form(R"("response_format":{"type":"json_object"})") == R"(response_format json_schema {"type":"object"})");
  CHECK(form(R"("response_format":{"type":"json_object","schema":)" + schema + "}") == "response_format json_schema " + schema);
  CHECK(form(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","strict":true,"schema":)" + schema + "}}") ==
        "response_format json_schema " + schema);
  CHECK(form(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":false}})") == R"(response_format json_schema {"type":"object"})");
  CHECK(form(R"("json_schema":)" + schema) == "json_schema json_schema " + schema);
  CHECK(form(R"("guided_json":)" + schema) == "guided_json json_schema " + schema);
  CHECK(form(R"("guided_json":"{\"type\": \"null\"}")") == R"(guided_json json_schema {"type": "null"})");
  CHECK(form(R"("structured_outputs":{"json":)" + schema + "}") == "structured_outputs.json json_schema " + schema);
  CHECK(form(R"("structured_outputs":{"json_object":true})") == R"(structured_outputs.json_object json_schema {"type":"object"})");
  const auto n = accepted(api::chat_completions, chat_with(R"("n":3,"response_format":{"type":"json_object"})"));
  for (const auto& open : n.opens) CHECK(open.constraint->text == R"({"type":"object"})");
}

TEST_CASE("a form that is no schema, or that cannot be kept to, is refused by name") {
  CHECK(refused(R"("response_format":{"type":"json_schema"})") == wrong + "response_format.json_schema missing_required_parameter: 'response_format.json_schema' is missing");
  CHECK(refused(R"("response_format":{"type":"json_schema","json_schema":{"schema":{}}})") ==
        wrong + "response_format.json_schema.name missing_required_parameter: 'response_format.json_schema.name' is missing");
  CHECK(refused(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":"{}"}})") ==
        wrong + "response_format.json_schema.schema invalid_type: 'response_format.json_schema.schema' must be a JSON schema, got a string");
  CHECK(refused(R"("response_format":{"type":"json_object"},"guided_json":{})") ==
        wrong + "guided_json invalid_value: 'response_format' and 'guided_json' both say what form the answer has; one of them expected");
  CHECK(refused(R"("structured_outputs":{"regex":"a+"})") ==
        wrong + "structured_outputs.regex unsupported_parameter: 'structured_outputs.regex' is not supported: answers keep to JSON schemas; 'json' expected");
  CHECK(refused(R"("response_format":{"type":"json_object"},"tools":[{"type":"function","function":{"name":"f"}}])") ==
        wrong + "response_format unsupported_parameter: 'response_format' is not supported with 'tools': it would keep the model from calling them; 'tool_choice' none expected");
  CHECK(refusal(api::chat_completions, R"({"model":"m","continue_final_message":true,"json_schema":{},"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"{"}]})") ==
        wrong + "json_schema unsupported_parameter: 'json_schema' is not supported with 'continue_final_message': what there is of the answer may be of another form");
  CHECK_FALSE(accepted(api::chat_completions, chat_with(R"("response_format":{"type":"json_object"},"tool_choice":"none","tools":[{"type":"function","function":{"name":"f"}}])")).form_field.empty());
}

TEST_CASE("what this service does not do is refused by name") {
  CHECK(refused(R"("response_format":{"type":"xml"})") ==
        wrong + "response_format.type unsupported_value: 'response_format.type' 'xml' is not supported: text, json_object or json_schema expected");
  CHECK(refused(R"("grammar":"root ::= \"a\"")") ==
        wrong + "grammar unsupported_parameter: 'grammar' is not supported: answers keep to JSON schemas; 'response_format' expected");
  CHECK(refused(R"("store":true)") == wrong + "store unsupported_parameter: 'store' is not supported: answers are not kept; false expected");
  CHECK(refused(R"("functions":[])") == wrong + "functions unsupported_parameter: 'functions' is not supported: 'tools' took its place");
  CHECK(refused(R"("function_call":"auto")") == wrong + "function_call unsupported_parameter: 'function_call' is not supported: 'tools' took its place");
  CHECK(refused(R"("service_tier":"flex")") == wrong + "service_tier unsupported_parameter: 'service_tier' is not supported: 'auto' or 'default' expected");
  CHECK(refused(R"("modalities":["text","audio"])") == wrong + "modalities unsupported_parameter: 'modalities' is not supported: only text is answered");
  CHECK(refused(R"("stream_options":{"include_usage":true})") ==
        wrong + "stream_options invalid_value: 'stream_options' is only allowed when 'stream' is true");
  CHECK(refused(R"("stream":true,"stream_options":{"include_use":true})") ==
        wrong + "stream_options.include_use unknown_parameter: unknown field 'stream_options.include_use'; did you mean 'stream_options.include_usage'?");
}

TEST_CASE("an unknown field is refused, with the nearest known one") {
  CHECK(refused(R"("temprature":1)") == wrong + "temprature unknown_parameter: unknown field 'temprature'; did you mean 'temperature'?");
  CHECK(refused(R"("zzzzzzzzzz":1)") == wrong + "zzzzzzzzzz unknown_parameter: unknown field 'zzzzzzzzzz'");
  CHECK(refused("\"" + std::string(100'000, 'q') + "\":1") ==
        wrong + std::string(64, 'q') + "… unknown_parameter: unknown field '" + std::string(64, 'q') + "…'");
}

TEST_CASE("many choices of a long prompt are refused before they are made") {
  const auto body = R"({"model":"m","n":128,"messages":[{"role":"user","content":")" + std::string(2'000'000, 'a') + R"("}]})";
  CHECK(refusal(api::chat_completions, body) ==
        wrong + "n invalid_value: a prompt of 2000030 bytes with 'n' 128 is 256003840 bytes; at most 134217728 expected");
}
