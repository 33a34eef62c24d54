// What becomes of a request's times, in microseconds of a clock that is given.
#include "fusion/request_measures.hpp"

#include <doctest/doctest.h>

#include <numeric>

using namespace tokamak;
using namespace tokamak::fusion;

namespace {

/// "3 values, sum 0.25"
std::string told(const request_measures& measures, const std::string& name) {
  for (const auto& [of, h] : measures.histograms())
    if (of == name) return fmt::format("{} values, sum {:g}", std::accumulate(h->counts().begin(), h->counts().end(), std::uint64_t{0}), h->sum());
  return "none";
}

double counter(const request_measures& measures, const std::string& name) {
  for (const auto& [of, value] : measures.counters())
    if (of == name) return value;
  return -1;
}

wire::ChunkT end(wire::FinishReason reason, std::uint64_t queued_us = 0) {
  wire::ChunkT c;
  c.finish = reason;
  c.usage = std::make_unique<wire::UsageT>();
  c.usage->prompt_tokens = 7;
  c.usage->completion_tokens = 4;
  c.usage->queued_us = queued_us;
  return c;
}

} // namespace

TEST_CASE("times are from the request to its first token, between deliveries, and of a token on average") {
  request_measures m;
  request_times r{operation::chat, 1'000'000};
  m.tokens(r, 1, 1'250'000);
  m.tokens(r, 2, 1'350'000);
  m.tokens(r, 1, 1'850'000);
  m.ended(r, end(wire::FinishReason::length, 50'000), 2'000'000);
  CHECK(told(m, "chat.time_to_first_token_seconds") == "1 values, sum 0.25");
  CHECK(told(m, "inter_token_latency_seconds") == "2 values, sum 0.6");
  CHECK(told(m, "chat.time_per_output_token_seconds") == "1 values, sum 0.2");
  CHECK(told(m, "chat.request_duration_seconds") == "1 values, sum 1");
  CHECK(told(m, "queue_seconds") == "1 values, sum 0.05");
  CHECK(told(m, "prefill_seconds") == "1 values, sum 0.2");
  CHECK(told(m, "decode_seconds") == "1 values, sum 0.6");
  CHECK(told(m, "inference_seconds") == "1 values, sum 0.8");
  CHECK(told(m, "prompt_tokens") == "1 values, sum 7");
  CHECK(told(m, "completion_tokens") == "1 values, sum 4");
  CHECK(told(m, "text_completion.request_duration_seconds") == "0 values, sum 0");
  CHECK(counter(m, "finished_length") == 1);
  CHECK(counter(m, "finished") == 1);
}

TEST_CASE("an answer of one token has no time per further token, one without tokens none to the first") {
  request_measures m;
  request_times one{operation::text_completion, 0};
  m.tokens(one, 1, 10);
  m.ended(one, end(wire::FinishReason::stop), 10);
  m.ended(request_times{operation::text_completion, 0}, end(wire::FinishReason::stop), 10);
  CHECK(told(m, "text_completion.time_to_first_token_seconds") == "1 values, sum 1e-05");
  CHECK(told(m, "text_completion.time_per_output_token_seconds") == "0 values, sum 0");
  CHECK(told(m, "decode_seconds") == "1 values, sum 0");
  CHECK(told(m, "text_completion.request_duration_seconds") == "2 values, sum 2e-05");
  CHECK(counter(m, "finished_stop") == 2);
}

TEST_CASE("what failed or was cancelled is counted apart, by its error") {
  request_measures m;
  const request_times r{operation::chat, 0};
  auto lost = end(wire::FinishReason::error);
  lost.error = std::make_unique<wire::ErrorT>();
  lost.error->code = wire::ErrorCode::unavailable;
  m.ended(r, lost, 2'000'000);
  lost.error->code = static_cast<wire::ErrorCode>(200); // of a newer node
  m.ended(r, lost, 2'000'000);
  m.ended(r, end(wire::FinishReason::cancelled), 1'000'000);
  m.cancelled(r, 1'000'000);
  m.failed(r, errc::too_large, 0);
  CHECK(told(m, "chat.unavailable.request_duration_seconds") == "1 values, sum 2");
  CHECK(told(m, "chat.internal.request_duration_seconds") == "1 values, sum 2");
  CHECK(told(m, "chat.cancelled.request_duration_seconds") == "2 values, sum 2");
  CHECK(told(m, "chat.too_large.request_duration_seconds") == "1 values, sum 0");
  CHECK(told(m, "chat.request_duration_seconds") == "0 values, sum 0");
  CHECK(told(m, "prompt_tokens") == "0 values, sum 0");
  CHECK(counter(m, "failed") == 3);
  CHECK(counter(m, "cancelled") == 2);
  CHECK(counter(m, "finished") == 0);
}

TEST_CASE("messages make a chat, text and tokens a completion") {
  wire::OpenT m;
  CHECK(operation_of(*make_frame<wire::Open>(m)) == operation::text_completion);
  m.prompt = std::make_unique<wire::PromptT>();
  m.prompt->text = "x";
  CHECK(operation_of(*make_frame<wire::Open>(m)) == operation::text_completion);
  m.prompt->json_messages = "[]";
  CHECK(operation_of(*make_frame<wire::Open>(m)) == operation::chat);
  m.prompt->json_messages.clear();
  m.prompt->messages.push_back(std::make_unique<wire::MessageT>());
  CHECK(operation_of(*make_frame<wire::Open>(m)) == operation::chat);
}
