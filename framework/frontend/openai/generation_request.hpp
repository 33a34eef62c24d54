// Requests of OpenAI's API for text, as frames to endpoints: the first step on the way of a token (DESIGN.md 5) for HTTP clients.
// Whatever a field asks for is done or refused by name; docs of the fields: https://platform.openai.com/docs/api-reference.
#pragma once

#include "frontend/openai/answer_parts.hpp"
#include "frontend/openai/api_error.hpp"
#include "frontend/openai/model_dialect.hpp"
#include "message/frame.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace tokamak::frontend::openai {

enum class api : std::uint8_t { chat_completions, completions, responses };

/// What `generate` is when the client sets no limit: more than any context holds, so that the engine ends the answer where the context
/// ends; an endpoint's own max_tokens cuts it. Half the range, so that sums with it (resumed answers) do not wrap.
inline constexpr std::uint32_t rest_of_context = std::numeric_limits<std::int32_t>::max();

/// Bounds of what one request may cost before any endpoint sees it.
inline constexpr std::uint32_t max_choices = 2048;                         ///< prompts x n
inline constexpr std::uint64_t max_opened_bytes = std::uint64_t{128} << 20; ///< choices x bytes of the prompt
inline constexpr std::uint32_t max_requested_stops = 16;

/// What a model may or must do with its tools.
enum class tool_use : std::uint8_t { none, automatic, required, one_function };

struct generation_request {
  api kind = api::chat_completions;
  std::string model;
  bool stream = false;
  bool include_usage = false;        ///< of a stream; other answers always have it
  std::uint32_t prompts = 1;         ///< completions may have several
  std::uint32_t choices = 1;         ///< of each prompt (`n`)
  bool logprobs = false;
  std::uint32_t top_logprobs = 0;    ///< how many the client is to get; pools are asked for more
  std::vector<std::string> echo;     ///< of each prompt, its text before the answer; empty: none
  std::string tools;                 ///< JSON array of those that the model is shown; "" for none
  tool_use use = tool_use::none;
  std::string function;              ///< that has to be called
  bool one_call = false;
  std::string variables;             ///< of the chat template, a JSON object; "" for none
  bool include_reasoning = true;
  bool split_reasoning = true;       ///< false: it stays in the text, marks and all
  std::string answer_start;          ///< text of the answer that the client has already: it goes on from there
  std::string form_field;            ///< the field that says what form the answer has; "" for none
  answer_reading reading;            ///< see adapt()
  std::string settings;              ///< responses: fields that the answer repeats, as `"temperature":1.0,…`
  std::vector<wire::OpenT> opens;    ///< one a choice, those of the first prompt first: id 0, target = model

  std::size_t n_answers() const { return std::size_t{prompts} * choices; }
};

/// `only_model` is what a request that names no model asks for; "": it has to name one. Errors name the field (`param`). Pure.
tl::expected<generation_request, api_error> read_request(api kind, std::string_view body, std::string_view only_model = {});

/// Asks in the model's dialect for what the request wants, and notes how its answers are read. Without a dialect (`dialect.card` is null:
/// models differ, or are elsewhere) answers are text as it comes. Errors: what this model cannot do. Pure.
std::optional<api_error> adapt(generation_request& request, const model_dialect& dialect);

} // namespace tokamak::frontend::openai
