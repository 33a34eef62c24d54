// What the service itself answers to requests that no well-behaved client would send: frames sent as they are.
#include "raw_client.hpp"
#include "test_service.hpp"

#include <cmath>

using namespace tokamak;

namespace {

std::string toml() {
  return "[models.smollm2]\npath = \"" + test::smollm2_path() +
         "\"\n[engines.smollm2]\nmodel = \"smollm2\"\ncontext_length = 256\n" +
         "[frontends.zmq]\nkind = \"zmq\"\nbind = \"tcp://127.0.0.1:*\"\n";
}

} // namespace

TEST_CASE("the service answers wrong requests itself, whatever the client let through") {
  if (!test::exists(test::smollm2_path())) {
    MESSAGE("SmolLM2 is not in ~/.cache/tokamak/models: skipped");
    return;
  }
  test::test_service s(toml());
  test::raw_client c(s.address());
  std::uint64_t id = 1;
  // What becomes of a small request that `spoil` changed.
  const auto end = [&](auto spoil) {
    auto m = test::raw_request(id++, 4);
    spoil(m);
    return c.end_of(m);
  };

  CHECK(end([](auto&) {}) == "length");

  // Length.
  CHECK(end([](auto& m) { m.generate = 0; }) == "max_tokens is 0; at least 1 expected (invalid_argument)");
  CHECK(end([](auto& m) { m.stops->min_tokens = 5; }) ==
        "min_tokens is 5, expected at most max_tokens, which is 4 (invalid_argument)");
  CHECK(end([](auto& m) { m.stops->min_tokens = 4; }) == "length");

  // Sampling.
  CHECK(end([](auto& m) { m.sampling->temperature = -1; }) ==
        "temperature is -1, expected a number of at least 0 (invalid_argument)");
  CHECK(end([](auto& m) { m.sampling->temperature = NAN; }) ==
        "temperature is nan, expected a number of at least 0 (invalid_argument)");
  CHECK(end([](auto& m) { m.sampling->temperature = INFINITY; }) ==
        "temperature is inf, expected a number of at least 0 (invalid_argument)");
  CHECK(end([](auto& m) { m.sampling->temperature = 1e-30f; }) == "length");
  CHECK(end([](auto& m) { m.sampling->temperature = 1e30f; }) == "length");
  CHECK(end([](auto& m) { m.sampling->top_p = 0; }) == "top_p is 0, expected above 0 and at most 1 (invalid_argument)");
  CHECK(end([](auto& m) { m.sampling->top_p = 1.5; }) ==
        "top_p is 1.5, expected above 0 and at most 1 (invalid_argument)");
  CHECK(end([](auto& m) { m.sampling->top_p = NAN; }) ==
        "top_p is nan, expected above 0 and at most 1 (invalid_argument)");
  CHECK(end([](auto& m) { m.sampling->min_p = -0.5; }) == "min_p is -0.5, expected 0 to 1 (invalid_argument)");
  CHECK(end([](auto& m) { m.sampling->repetition_penalty = 0; }) ==
        "repetition_penalty is 0, expected a number above 0 (invalid_argument)");
  CHECK(end([](auto& m) { m.sampling->presence_penalty = NAN; }) ==
        "presence_penalty is nan, expected a number (invalid_argument)");
  CHECK(end([](auto& m) { m.sampling->frequency_penalty = -INFINITY; }) ==
        "frequency_penalty is -inf, expected a number (invalid_argument)");
  for (const std::uint64_t seed : {std::uint64_t{0}, UINT64_MAX})
    CHECK(end([&](auto& m) {
            m.sampling->temperature = 1;
            m.sampling->seed = seed;
          }) == "length");
  CHECK(end([](auto& m) { m.sampling->top_k = UINT32_MAX; }) == "length");
  CHECK(end([](auto& m) { m.sampling->top_logprobs = 255; }) == "length");

  // Logit bias.
  const auto bias = [&](std::vector<std::int32_t> tokens, std::vector<float> values) {
    return end([&](auto& m) {
      m.sampling->bias_tokens = tokens;
      m.sampling->bias_values = values;
    });
  };
  CHECK(bias({49152}, {1}) == "logit_bias names token 49152, expected 0 to 49151 (invalid_argument)");
  CHECK(bias({-1}, {1}) == "logit_bias names token -1, expected 0 to 49151 (invalid_argument)");
  CHECK(bias({5}, {INFINITY}) == "logit_bias is inf, expected a number (invalid_argument)");
  CHECK(bias({5, 5}, {1e38f, 1e38f}) == "length");
  CHECK(bias(std::vector<std::int32_t>(4097, 5), std::vector<float>(4097, 0.0f)) ==
        "4097 logit_bias entries, at most 4096 expected (too_large)");

  // Stops.
  const auto stops = [&](std::vector<std::string> strings) {
    return end([&](auto& m) { m.stops->strings = strings; });
  };
  CHECK(stops({"."}) != "");
  CHECK(stops({"fine", ""}) == "stop string 1 is empty (invalid_argument)");
  CHECK(stops({"\xff"}) == "stop string 0 is not valid UTF-8 (invalid_argument)");
  CHECK(stops(std::vector<std::string>(65, "x")) == "65 stop strings, at most 64 expected (too_large)");
  CHECK(stops({std::string(1025, 'x')}) == "stop string 0 has 1025 bytes, at most 1024 expected (too_large)");
  CHECK(end([](auto& m) { m.stops->tokens = {49152}; }) ==
        "stop token 49152 is outside the vocabulary of 49152 (invalid_argument)");
  CHECK(end([](auto& m) {
          m.stops->tokens = {-5}; // once written to as an index, to suppress it
          m.stops->min_tokens = 2;
        }) == "stop token -5 is outside the vocabulary of 49152 (invalid_argument)");
  CHECK(end([](auto& m) { m.stops->tokens.assign(1025, 7); }) == "1025 stop tokens, at most 1024 expected (too_large)");

  // Prompt.
  CHECK(end([](auto& m) { m.prompt->text.clear(); }) ==
        "the prompt is empty; messages, text or tokens expected (invalid_argument)");
  CHECK(end([](auto& m) { m.prompt.reset(); }) == "the prompt is missing (invalid_argument)");
  CHECK(end([](auto& m) { m.prompt->tokens = {1}; }) ==
        "the prompt has more than one of messages, text and tokens (invalid_argument)");
  CHECK(end([](auto& m) {
          m.prompt->text.clear();
          m.prompt->tokens = {INT32_MAX};
        }) == "token 2147483647 is outside the vocabulary of 49152 (invalid_argument)");
  CHECK(end([](auto& m) { m.delivered = {-1}; }) == "token -1 is outside the vocabulary of 49152 (invalid_argument)");
  CHECK(end([](auto& m) { m.delivered.assign(300, 5); }) ==
        "prompt of 304 tokens does not fit the context of 256 tokens (too_large)");
  CHECK(end([](auto& m) {
          m.prompt->text.clear();
          m.prompt->json_messages = "{\"role\":\"user\"}";
        }) == "json_messages is not a JSON array (invalid_argument)");

  // Model and labels.
  CHECK(end([](auto& m) { m.target = "smolm2"; }) ==
        "no model 'smolm2'; did you mean 'smollm2'? known: smollm2 (not_found)");
  CHECK(end([](auto& m) { m.target.clear(); }) == "no model ''; known: smollm2 (not_found)");
  CHECK(end([](auto& m) { m.target.assign(1000, 'x'); }) ==
        "no model '" + std::string(64, 'x') + "'; known: smollm2 (not_found)");
  CHECK(end([](auto& m) { m.trace.assign(257, 't'); }) == "the trace has 257 bytes, at most 256 expected (too_large)");
  CHECK(end([](auto& m) { m.tenant.assign(257, 't'); }) ==
        "the tenant has 257 bytes, at most 256 expected (too_large)");

  // Extremes that are no errors: an answer ends with the context, and no deadline is too far away.
  CHECK(end([](auto& m) {
          m.generate = UINT32_MAX;
          m.stops->ignore_eos = true;
        }) == "length");
  CHECK(end([](auto& m) { m.deadline_us = UINT64_MAX; }) == "length");
  CHECK(end([](auto& m) { m.priority = INT32_MIN; }) == "length");
  CHECK(end([](auto&) {}) == "length");
}

TEST_CASE("a client that asks too many questions at once is refused the rest, and can go on") {
  if (!test::exists(test::smollm2_path())) return;
  test::test_service s(toml());
  test::raw_client c(s.address());
  constexpr int n = 200;
  for (int i = 1; i <= n; ++i) {
    wire::StatusRequestT m;
    m.op = static_cast<std::uint64_t>(i);
    c.send<wire::StatusRequest>(m);
  }
  int answered = 0, refused = 0;
  for (int i = 0; i < n; ++i) {
    const auto m = c.receive();
    REQUIRE(m);
    if (m->type == frame_type::StatusReport) {
      ++answered;
    } else {
      auto reply = read_frame<wire::ErrorReply>(std::as_bytes(std::span(m->body)));
      REQUIRE(reply);
      CHECK((*reply)->error()->message()->str() == "this client has 16 questions waiting already");
      CHECK((*reply)->op() != 0);
      ++refused;
    }
  }
  CHECK(answered >= 16);
  CHECK(refused >= 1);
  CHECK(c.end_of(test::raw_request(1, 2)) == "length");
}
