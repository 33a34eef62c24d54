// What an answer looks like in one of the APIs. Internal to this folder: answer calls it.
#pragma once

#include "frontend/openai/answer_parts.hpp"
#include "frontend/openai/chosen_tokens.hpp"
#include "frontend/openai/generation_request.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::frontend::openai {

/// Once per answer.
struct answer_head {
  std::string id;
  std::int64_t created_unix_s = 0;
};

/// One choice, as far as it has come.
struct answered_choice {
  std::string text;                 ///< kept only where it is needed again, as reasoning and calls are
  std::string reasoning;
  std::vector<tool_call> calls;
  std::size_t n_calls = 0;
  std::vector<chosen_token> tokens; ///< with logprobs, kept as text is
  std::size_t characters = 0;       ///< of its tokens with logprobs: those before what comes now
  std::uint32_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0, reasoning_tokens = 0;
  wire::FinishReason finish = wire::FinishReason::none;
  bool begun = false;
};

/// Of all choices: those of one prompt share it.
struct answer_usage {
  std::uint64_t prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0, reasoning_tokens = 0;
};

class answer_format {
public:
  virtual ~answer_format() = default;
  /// Streaming needs the text again at the end.
  virtual bool keeps_text() const { return false; }
  /// Events of a streaming answer, whole ones, appended to `out`: a choice begins, goes on, ends; all of them have; one failed.
  virtual void begin(std::size_t choice, std::string& out) = 0;
  virtual void go_on(std::size_t choice, std::string_view text, const std::vector<chosen_token>& tokens, std::size_t characters,
                     std::string& out) = 0;
  /// More of its reasoning; `number`: of a call among the choice's.
  virtual void reason(std::size_t choice, std::string_view text, std::string& out) = 0;
  virtual void call(std::size_t choice, std::size_t number, const tool_call& made, std::string& out) = 0;
  virtual void end(std::size_t choice, const answered_choice& answered, std::string& out) = 0;
  virtual void finish(const std::vector<answered_choice>& all, const answer_usage& usage, std::string& out) = 0;
  virtual void fail(const api_error& why, std::string& out) = 0;
  /// An answer that does not stream.
  virtual std::string body(const std::vector<answered_choice>& all, const answer_usage& usage) const = 0;
};

/// Chat completions and completions.
std::unique_ptr<answer_format> make_choice_events(const generation_request& request, const answer_head& head);
std::unique_ptr<answer_format> make_response_events(const generation_request& request, const answer_head& head);

} // namespace tokamak::frontend::openai
