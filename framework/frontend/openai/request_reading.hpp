// Parts of reading a request that the three APIs share. Internal to this folder.
#pragma once

#include "frontend/openai/fields.hpp"
#include "frontend/openai/generation_request.hpp"

#include <memory>

namespace tokamak::frontend::openai {

/// How many of the most likely tokens pools are asked for with logprobs: a chunk has no text for each token of its own, only these do,
/// and so the chosen one is nearly always among them.
inline constexpr std::uint8_t asked_top = 20;

/// Why what would need it is refused.
inline constexpr auto no_constraint = "only the call of one function is held to a schema";

// sampling_fields.cpp: each reads fields of the request into `to`.
void read_sampling(fields& in, wire::OpenT& to);
void read_stops(fields& in, wire::OpenT& to);
/// The first of `names` that is there is the limit, -1 is none; two that differ are an error.
void read_limit(fields& in, std::initializer_list<std::string_view> names, wire::OpenT& to);
void read_client(fields& in, wire::OpenT& to);            ///< user, safety_identifier, metadata
void read_stream(fields& in, generation_request& request); ///< stream, stream_options
void read_verbosity(fields& in);                          ///< of a request, or of text
void read_service(fields& in);                            ///< what a service may offer and this one does not
void read_neutral(fields& in, const wire::OpenT& like);   ///< neutral_fields.cpp: other servers' fields, at their usual values
void ask_for_logprobs(const generation_request& request, wire::OpenT& to);

// chat_messages.cpp: JSON as templates expect it.
/// A message; `parts`: what its content may be made of.
json chat_message(const json& message, std::string path, finding& found);
json chat_tools(const json& tools, const std::string& path, finding& found);
/// A text, or the texts of its parts, one after the other.
std::string content_text(const json& content, const std::string& path, finding& found);
/// What chat templates read beside messages and tools: chat_template_kwargs, reasoning_effort.
void read_variables(fields& in, generation_request& request, wire::PromptT& to);
/// How much a model is to think, as templates call it. `name`: of the field.
void read_effort(fields& in, std::string_view name, json& variables);

// form_fields.cpp: what form an answer is to have. An error of the engine's about it names `request.form_field`.
inline constexpr auto any_object = R"({"type":"object"})";
void hold_to_schema(generation_request& request, wire::OpenT& open, std::string field, std::string schema);
void read_form(fields& in, std::string_view name, generation_request& request, wire::OpenT& open); ///< response_format, text.format
void read_other_forms(fields& in, generation_request& request, wire::OpenT& open); ///< other servers' fields
void check_form(fields& in, const generation_request& request);                     ///< beside tools and begun answers

/// Puts a prompt, and all that `like` says, before each of n choices; a seed counts up with them.
void open_choices(generation_request& request, const wire::OpenT& like, const wire::PromptT& prompt);
/// The cost of n x bytes. Notes an error.
void check_cost(fields& in, const generation_request& request, std::uint64_t prompt_bytes);

// One file each: the fields that only this API has.
void read_chat(fields& in, generation_request& request, wire::OpenT like);
void read_completions(fields& in, generation_request& request, wire::OpenT like);
void read_responses(fields& in, generation_request& request, wire::OpenT like);

} // namespace tokamak::frontend::openai
