// What the tests of answers share: chunks as pools send them.
#pragma once

#include "frontend/openai/answer.hpp"

#include "message/wire_error.hpp"
#include "requests.hpp"

namespace tokamak::frontend::openai {

inline wire::ChunkT tokens(std::string text, std::vector<std::int32_t> ids = {1}) {
  wire::ChunkT c;
  c.text = std::move(text);
  c.tokens = std::move(ids);
  return c;
}

inline wire::ChunkT last(wire::FinishReason finish, std::uint32_t prompt, std::uint32_t cached, std::uint32_t completion, std::string text = {}) {
  wire::ChunkT c;
  c.text = std::move(text);
  c.finish = finish;
  c.usage = std::make_unique<wire::UsageT>();
  c.usage->prompt_tokens = prompt;
  c.usage->cached_tokens = cached;
  c.usage->completion_tokens = completion;
  return c;
}

inline wire::ChunkT failed(errc code, std::string message) {
  wire::ChunkT c;
  c.finish = wire::FinishReason::error;
  c.error = to_wire({code, std::move(message), "/srv/secret.toml:3"});
  return c;
}

struct place {
  std::vector<std::int32_t> ids;
  std::vector<float> logprobs;
  std::vector<std::string> texts;
};

inline wire::ChunkT scored(std::string text, std::int32_t id, float logprob, place top) {
  auto c = tokens(std::move(text), {id});
  c.logprobs = {logprob};
  c.top = std::make_unique<wire::TopLogprobsT>();
  c.top->counts = {static_cast<std::uint8_t>(top.ids.size())};
  c.top->ids = std::move(top.ids);
  c.top->logprobs = std::move(top.logprobs);
  c.top->texts = std::move(top.texts);
  return c;
}

/// An answer that is given chunks; what streamed is taken out of it.
struct answering {
  answering(api kind, const std::string& body, std::string id) : of(accepted(kind, body), std::move(id), 1700000000) {}

  answering& take(std::size_t index, const wire::ChunkT& chunk) {
    wire::ChunksT chunks;
    chunks.items.push_back(std::make_unique<wire::ChunkT>(chunk));
    of.take(index, *make_frame<wire::Chunks>(chunks)->items()->Get(0), out);
    return *this;
  }
  std::string taken() { return std::exchange(out, {}); }

  answer of;
  std::string out;
};

} // namespace tokamak::frontend::openai
