// The tokens of a chunk with their log-probabilities, as OpenAI's clients are told of them.
#pragma once

#include "message/frame.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tokamak::frontend::openai {

struct likely_token {
  std::string bytes; ///< may be half a character
  float logprob = 0;
};

struct chosen_token {
  std::optional<std::string> bytes; ///< none: this token's own text is not known
  float logprob = 0;
  std::vector<likely_token> top;    ///< most likely first
};

/// A chunk has one text for all its tokens; those of its most likely ones have their own. What a token's text is comes from there, or is
/// the chunk's if that has one token. `n_top`: at most so many of the most likely are kept.
std::vector<chosen_token> chosen_tokens(const wire::Chunk& chunk, std::uint32_t n_top);

/// {"content":[…],"refusal":null} of chat completions.
void append_chat_logprobs(const std::vector<chosen_token>& tokens, std::string& out);

/// {"text_offset":[…],"token_logprobs":[…],"tokens":[…],"top_logprobs":[…]} of completions. `offset`: characters of the answer before
/// these tokens. The chosen token is always in its place's map.
void append_completion_logprobs(const std::vector<chosen_token>& tokens, std::size_t offset, std::string& out);

} // namespace tokamak::frontend::openai
