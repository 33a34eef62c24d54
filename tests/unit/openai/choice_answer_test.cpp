// Answers of chat completions and completions, byte for byte.
#include "answers.hpp"

#include <chrono>

using namespace tokamak;
using namespace tokamak::frontend::openai;

namespace {

constexpr auto stop = wire::FinishReason::stop, length = wire::FinishReason::length;

std::string chat_event(const std::string& rest) {
  return R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[)" + rest + "}\n\n";
}
std::string text_event(const std::string& rest) {
  return R"(data: {"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"m","choices":[)" + rest + "}\n\n";
}

const std::string done = "data: [DONE]\n\n";

} // namespace

TEST_CASE("a chat streams its role, its text, its end") {
  answering a(api::chat_completions, chat_with(R"("stream":true)"), "chatcmpl-1");
  a.take(0, tokens("Hel\"lo"));
  CHECK(a.taken() == chat_event(R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}])") +
                         chat_event(R"({"index":0,"delta":{"content":"Hel\"lo"},"logprobs":null,"finish_reason":null}])"));
  a.take(0, tokens("")); // half a character, or what may become a stop string
  CHECK(a.taken().empty());
  a.take(0, tokens("é\n", {1, 2}));
  CHECK(a.taken() == chat_event(R"({"index":0,"delta":{"content":"é\n"},"logprobs":null,"finish_reason":null}])"));
  CHECK_FALSE(a.of.finished());
  a.take(0, last(stop, 7, 3, 4));
  CHECK(a.taken() == chat_event(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}])") + done);
  CHECK(a.of.finished());
  CHECK_FALSE(a.of.failure());
  a.take(0, tokens("more"));
  CHECK(a.taken().empty());
}

TEST_CASE("with include_usage every event has the field, and the last one only that") {
  answering a(api::chat_completions, chat_with(R"("stream":true,"stream_options":{"include_usage":true})"), "chatcmpl-1");
  a.take(0, tokens("")).take(0, last(length, 7, 3, 4, "end"));
  CHECK(a.taken() == chat_event(R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null)") +
                         chat_event(R"({"index":0,"delta":{"content":"end"},"logprobs":null,"finish_reason":null}],"usage":null)") +
                         chat_event(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null)") +
                         chat_event(R"(],"usage":{"prompt_tokens":7,"completion_tokens":4,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":3}})") +
                         done);
}

TEST_CASE("two choices stream beside each other; their prompt counts once") {
  answering a(api::chat_completions, chat_with(R"("stream":true,"n":2,"stream_options":{"include_usage":true})"), "chatcmpl-1");
  a.take(1, tokens("b")).take(0, tokens("a"));
  CHECK(a.taken() == chat_event(R"({"index":1,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null)") +
                         chat_event(R"({"index":1,"delta":{"content":"b"},"logprobs":null,"finish_reason":null}],"usage":null)") +
                         chat_event(R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null)") +
                         chat_event(R"({"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":null}],"usage":null)"));
  a.take(0, last(stop, 7, 0, 2));
  CHECK_FALSE(a.of.finished());
  a.taken();
  a.take(1, last(length, 7, 7, 3));
  CHECK(a.taken() == chat_event(R"({"index":1,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null)") +
                         chat_event(R"(],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":0}})") +
                         done);
}

TEST_CASE("a chat that does not stream is one body") {
  answering a(api::chat_completions, chat_with(R"("n":2)"), "chatcmpl-1");
  a.take(0, tokens("Hel")).take(1, tokens("\x01")).take(0, tokens("lo")).take(0, last(stop, 7, 3, 2)).take(1, last(length, 7, 7, 1));
  CHECK(a.taken().empty());
  REQUIRE(a.of.finished());
  CHECK(a.of.body() ==
        R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[)"
        R"({"index":0,"message":{"role":"assistant","content":"Hello","refusal":null},"logprobs":null,"finish_reason":"stop"},)"
        R"({"index":1,"message":{"role":"assistant","content":"\u0001","refusal":null},"logprobs":null,"finish_reason":"length"}],)"
        R"("usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":3}}})");
}

TEST_CASE("tokens are counted where no usage came") {
  answering a(api::chat_completions, chat_with(""), "chatcmpl-1");
  wire::ChunkT end;
  end.finish = stop;
  a.take(0, tokens("a", {1, 2})).take(0, end);
  CHECK(a.of.body().find(R"("completion_tokens":2)") != std::string::npos);
}

TEST_CASE("log-probabilities of a chat have each token's text and bytes") {
  answering a(api::chat_completions, chat_with(R"("stream":true,"logprobs":true,"top_logprobs":1)"), "chatcmpl-1");
  a.take(0, tokens("", {}));
  a.taken();
  // The chosen one is second of two; half a character has bytes, and no text yet.
  a.take(0, scored("", 5, -1.5f, {{4, 5}, {-0.25f, -1.5f}, {"a", "\xf0\x9f"}}));
  CHECK(a.taken() == chat_event(R"({"index":0,"delta":{"content":""},"logprobs":{"content":[{"token":"��","logprob":-1.5,"bytes":[240,159],)"
                                R"("top_logprobs":[{"token":"a","logprob":-0.25,"bytes":[97]}]}],"refusal":null},"finish_reason":null}])"));
  // Not among the most likely: a chunk of one token has that token's text.
  a.take(0, scored("b", 9, -7, {{4}, {-0.25f}, {"a"}}));
  CHECK(a.taken() == chat_event(R"({"index":0,"delta":{"content":"b"},"logprobs":{"content":[{"token":"b","logprob":-7,"bytes":[98],)"
                                R"("top_logprobs":[{"token":"a","logprob":-0.25,"bytes":[97]}]}],"refusal":null},"finish_reason":null}])"));
  // Of two tokens, and without their most likely ones, nothing says which text is whose.
  auto two = tokens("cd", {1, 2});
  two.logprobs = {-1, -2};
  a.take(0, two);
  CHECK(a.taken() == chat_event(R"({"index":0,"delta":{"content":"cd"},"logprobs":{"content":[{"token":"","logprob":-1,"bytes":null,"top_logprobs":[]},)"
                                R"({"token":"","logprob":-2,"bytes":null,"top_logprobs":[]}],"refusal":null},"finish_reason":null}])"));
  a.take(0, last(stop, 1, 0, 4, "rest"));
  CHECK(a.taken() == chat_event(R"({"index":0,"delta":{"content":"rest"},"logprobs":null,"finish_reason":null}])") +
                         chat_event(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}])") + done);
}

TEST_CASE("log-probabilities of a body come together; a place beyond the tokens is left out") {
  answering a(api::chat_completions, chat_with(R"("logprobs":true)"), "chatcmpl-1");
  auto cut = scored("x", 1, -0.5f, {{1}, {-0.5f}, {"x"}});
  cut.top->counts = {1, 1};
  cut.top->ids = {1, 2};
  cut.top->logprobs = {-0.5f, -0.75f};
  cut.top->texts = {"x", "y"};
  a.take(0, cut).take(0, scored("z", 3, -1, {{3}, {-1}, {"z"}})).take(0, last(stop, 1, 0, 2));
  CHECK(a.of.body().find(R"("logprobs":{"content":[{"token":"x","logprob":-0.5,"bytes":[120],"top_logprobs":[]},)"
                         R"({"token":"z","logprob":-1,"bytes":[122],"top_logprobs":[]}],"refusal":null},"finish_reason":"stop"})") != std::string::npos);
}

TEST_CASE("completions stream text, after an echo of the prompt") {
  answering a(api::completions, R"({"model":"m","prompt":["A\"","B"],"stream":true,"echo":true})", "cmpl-1");
  a.take(1, tokens("b")).take(1, last(stop, 2, 0, 1));
  CHECK(a.taken() == text_event(R"({"index":1,"text":"B","logprobs":null,"finish_reason":null}])") +
                         text_event(R"({"index":1,"text":"b","logprobs":null,"finish_reason":null}])") +
                         text_event(R"({"index":1,"text":"","logprobs":null,"finish_reason":"stop"}])"));
  a.take(0, last(length, 3, 0, 1, "a"));
  CHECK(a.taken() == text_event(R"({"index":0,"text":"A\"","logprobs":null,"finish_reason":null}])") +
                         text_event(R"({"index":0,"text":"a","logprobs":null,"finish_reason":null}])") +
                         text_event(R"({"index":0,"text":"","logprobs":null,"finish_reason":"length"}])") + done);
}

TEST_CASE("a body of completions has the choices of every prompt, and counts each prompt") {
  answering a(api::completions, R"({"model":"m","prompt":["A","B"],"n":2,"echo":true})", "cmpl-1");
  for (std::size_t i = 0; i < 4; ++i) a.take(i, tokens(std::to_string(i))).take(i, last(stop, i < 2 ? 5 : 6, i % 2 ? 5 : 1, 1));
  CHECK(a.of.body() == R"({"id":"cmpl-1","object":"text_completion","created":1700000000,"model":"m","choices":[)"
                       R"({"index":0,"text":"A0","logprobs":null,"finish_reason":"stop"},{"index":1,"text":"A1","logprobs":null,"finish_reason":"stop"},)"
                       R"({"index":2,"text":"B2","logprobs":null,"finish_reason":"stop"},{"index":3,"text":"B3","logprobs":null,"finish_reason":"stop"}],)"
                       R"("usage":{"prompt_tokens":11,"completion_tokens":4,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":2}}})");
}

TEST_CASE("log-probabilities of completions have offsets that go on") {
  answering a(api::completions, completion_with(R"("stream":true,"logprobs":1)"), "cmpl-1");
  a.take(0, scored("é", 5, -1.5f, {{4, 5}, {-0.25f, -1.5f}, {"a", "é"}}));
  CHECK(a.taken() == text_event(R"({"index":0,"text":"é","logprobs":{"text_offset":[0],"token_logprobs":[-1.5],"tokens":["é"],)"
                                R"("top_logprobs":[{"a":-0.25,"é":-1.5}]},"finish_reason":null}])"));
  a.take(0, scored("a", 4, -0.25f, {{4, 5}, {-0.25f, -1.5f}, {"a", "é"}}));
  CHECK(a.taken() == text_event(R"({"index":0,"text":"a","logprobs":{"text_offset":[1],"token_logprobs":[-0.25],"tokens":["a"],)"
                                R"("top_logprobs":[{"a":-0.25}]},"finish_reason":null}])"));
}

TEST_CASE("an answer that fails before it begins says so by its error alone") {
  answering a(api::chat_completions, chat_with(R"("stream":true)"), "chatcmpl-1");
  a.take(0, failed(errc::too_large, "prompt of 9 tokens does not fit"));
  CHECK(a.taken().empty());
  CHECK(a.of.finished());
  REQUIRE(a.of.failure());
  CHECK(told(*a.of.failure()) == wrong + "- context_length_exceeded: prompt of 9 tokens does not fit");
}

TEST_CASE("an answer that fails on its way tells it in an event and ends") {
  answering a(api::chat_completions, chat_with(R"("stream":true,"n":2)"), "chatcmpl-1");
  a.take(0, tokens("a"));
  a.taken();
  a.take(1, failed(errc::unavailable, "engine \"e\" is gone"));
  CHECK(a.taken() == "data: {\"error\":{\"message\":\"engine \\\"e\\\" is gone\",\"type\":\"server_error\",\"param\":null,\"code\":\"unavailable\"}}\n\n");
  CHECK(a.of.finished());
  a.take(0, tokens("b"));
  CHECK(a.taken().empty());
  CHECK(a.of.failure()->status == 503);
}

TEST_CASE("an answer that was cancelled has failed") {
  answering a(api::completions, completion_with(""), "cmpl-1");
  wire::ChunkT c;
  c.finish = wire::FinishReason::cancelled;
  a.take(0, c);
  REQUIRE(a.of.failure());
  CHECK(told(*a.of.failure()) == "499 server_error - cancelled: the request was cancelled");
}

TEST_CASE("an event of a token costs little") {
  answering a(api::chat_completions, chat_with(R"("stream":true)"), "chatcmpl-1");
  wire::ChunksT chunks;
  chunks.items.push_back(std::make_unique<wire::ChunkT>(tokens(" token")));
  const auto frame = make_frame<wire::Chunks>(chunks);
  constexpr int n = 200'000;
  std::string out;
  std::size_t bytes = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < n; ++i) {
    out.clear();
    a.of.take(0, *frame->items()->Get(0), out);
    bytes += out.size();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  MESSAGE(fmt::format("{:.2f} million events of {} bytes a second", n / took.count() / 1e6, bytes / n));
  CHECK(took.count() < 2); // with sanitizers, too
}
