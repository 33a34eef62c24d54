// Chunks of a request's sequences become what its HTTP client reads: events as they come, or one body at the end. The last step on the way
// of a token (DESIGN.md 5). Pure and single-threaded.
#pragma once

#include "frontend/openai/answer_format.hpp"
#include "frontend/openai/generation_request.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tokamak::frontend::openai {

class answer {
public:
  /// `request` may have given its `opens` away. `id`: "chatcmpl-…", "cmpl-…" or "resp_…", plain characters.
  answer(generation_request request, std::string id, std::int64_t created_unix_s);
  answer(const answer&) = delete;
  answer& operator=(const answer&) = delete;

  /// A chunk of choice `index` (of the request's opens). Appends what a streaming client is to get now, whole events; without streaming it
  /// is kept. After a failure nothing more comes, and of a choice nothing after its end.
  void take(std::size_t index, const wire::Chunk& chunk, std::string& out);

  bool finished() const { return running_ == 0; } ///< every choice ended, or one failed
  /// REQUIRES: not streaming, finished, no failure.
  std::string body() const;
  /// Of the first choice that failed. A streaming answer that has begun has told it in an event, and is over.
  const std::optional<api_error>& failure() const { return failure_; }

private:
  void add(answered_choice& choice, std::size_t index, const wire::Chunk& chunk, std::string& out);
  void say(answered_choice& choice, std::size_t index, std::string_view text, std::vector<chosen_token> tokens, std::string& out);
  void deliver(answered_choice& choice, std::size_t index, answer_parts::parts parts, std::vector<chosen_token> tokens, std::string& out);
  api_error failure_of(const wire::Chunk& chunk) const;
  void fail(api_error why, std::string& out);
  answer_usage usage() const;

  generation_request request_;
  std::vector<answered_choice> choices_;
  std::vector<answer_parts> readers_; ///< of each choice, if their text is taken apart
  std::unique_ptr<answer_format> format_;
  std::size_t running_;
  std::optional<api_error> failure_;
};

} // namespace tokamak::frontend::openai
