// The way through a request: its JSON, what all APIs share, then what only one has.
#include "frontend/openai/generation_request.hpp"

#include "frontend/openai/request_reading.hpp"

namespace tokamak::frontend::openai {

void ask_for_logprobs(const generation_request& request, wire::OpenT& to) {
  if (!request.logprobs) return;
  to.sampling->logprobs = true;
  to.sampling->top_logprobs = asked_top;
}

void check_cost(fields& in, const generation_request& request, std::uint64_t prompt_bytes) {
  if (request.n_answers() > max_choices)
    return in.wrong("n", fmt::format("{} prompts with 'n' {} are {} answers; at most {} expected", request.prompts, request.choices,
                                     request.n_answers(), max_choices));
  if (const auto bytes = prompt_bytes * request.choices; bytes > max_opened_bytes)
    in.wrong("n", fmt::format("a prompt of {} bytes with 'n' {} is {} bytes; at most {} expected", prompt_bytes, request.choices, bytes,
                              max_opened_bytes));
}

void open_choices(generation_request& request, const wire::OpenT& like, const wire::PromptT& prompt) {
  for (std::uint32_t i = 0; i < request.choices; ++i) {
    auto& open = request.opens.emplace_back(like);
    open.prompt = std::make_unique<wire::PromptT>(prompt);
    if (open.sampling->seed) open.sampling->seed = *open.sampling->seed + i;
  }
}

tl::expected<generation_request, api_error> read_request(api kind, std::string_view body, std::string_view only_model) {
  const auto parsed = read_object(body);
  if (!parsed) return tl::unexpected(parsed.error());
  finding found;
  fields in(*parsed, {}, found);
  generation_request request;
  request.kind = kind;
  wire::OpenT like;
  like.sampling = std::make_unique<wire::SamplingT>();
  like.stops = std::make_unique<wire::StopsT>();
  const auto* model = in.text("model");
  request.model = model ? *model : only_model;
  if (request.model.empty()) in.missing("model");
  like.target = request.model;
  read_stream(in, request);
  read_sampling(in, like);
  read_neutral(in, like);
  read_client(in, like);
  read_service(in);
  switch (kind) {
    case api::chat_completions: read_chat(in, request, std::move(like)); break;
    case api::completions: read_completions(in, request, std::move(like)); break;
    case api::responses: read_responses(in, request, std::move(like)); break;
  }
  in.finish();
  if (found) return tl::unexpected(std::move(*found));
  return request;
}

} // namespace tokamak::frontend::openai
