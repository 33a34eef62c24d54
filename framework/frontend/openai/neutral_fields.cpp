// Fields of other servers (llama.cpp's, vLLM's) whose usual value asks for what is done anyway. User interfaces send them with every request,
// so that value is accepted; any other asks for something that is not done, and is refused.
#include "frontend/openai/request_reading.hpp"

namespace tokamak::frontend::openai {

namespace {

struct neutral_number {
  std::string_view name;
  double value;
};
struct neutral_flag {
  std::string_view name;
  bool value;
  std::string_view why;
};

// Samplers that engines do not have, with what turns each off; below, settings that mean nothing while it is off.
constexpr neutral_number samplers[] = {{"typical_p", 1}, {"typ_p", 1}, {"tfs_z", 1}, {"top_a", 0}, {"top_n_sigma", -1}, {"mirostat", 0},
                                       {"dynatemp_range", 0}, {"xtc_probability", 0}, {"dry_multiplier", 0}, {"length_penalty", 1}};
constexpr std::string_view idle[] = {"mirostat_tau", "mirostat_eta", "dynatemp_exponent", "xtc_threshold",
                                     "dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers"};

constexpr neutral_flag flags[] = {{"cache_prompt", true, "prefixes are always found again"},
                                  {"use_beam_search", false, "each choice is sampled for itself"},
                                  {"spaces_between_special_tokens", true, "special tokens stand as the model wrote them"},
                                  {"include_stop_str_in_output", false, "texts end before a stop"},
                                  {"return_tokens_as_token_ids", false, "tokens are told as text"},
                                  {"return_token_ids", false, "tokens are told as text"},
                                  {"return_tokens", false, "tokens are told as text"},
                                  {"timings_per_token", false, "answers have no timings"},
                                  {"return_progress", false, "events begin with the answer"},
                                  {"post_sampling_probs", false, "log-probabilities are those of the model"}};

} // namespace

void read_neutral(fields& in, const wire::OpenT& like) {
  for (const auto& [name, off] : samplers) {
    const auto value = in.number(name, any_number);
    // Below 0 is off as well, where -1 is.
    if (value && *value != off && !(off < 0 && *value < 0)) in.unsupported(name, fmt::format("engines have no such sampler; {} expected", off));
  }
  for (const auto name : idle) in.find(name);
  for (const auto& [name, value, why] : flags)
    if (in.flag(name).value_or(value) != value) in.unsupported(name, fmt::format("{}; {} expected", why, value));
  const auto& s = *like.sampling;
  const bool penalties = s.repetition_penalty != 1 || s.presence_penalty != 0 || s.frequency_penalty != 0;
  if (const auto n = in.integer("repeat_last_n", any_number); n && *n != -1 && penalties)
    in.unsupported("repeat_last_n", "penalties look at all tokens; -1 expected");
}

} // namespace tokamak::frontend::openai
