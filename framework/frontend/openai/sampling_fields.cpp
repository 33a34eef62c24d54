// How tokens are chosen, when they end, who asks: fields that all APIs share.
#include "fusion/admission.hpp"
#include "frontend/openai/json_text.hpp"
#include "frontend/openai/request_reading.hpp"

#include <charconv>

namespace tokamak::frontend::openai {

namespace {

constexpr double most_tokens = rest_of_context;

void read_number(fields& in, std::string_view name, range within, float& to) {
  if (const auto n = in.number(name, within)) to = static_cast<float>(*n);
}

// vLLM's name and llama.cpp's.
void read_repetition(fields& in, float& to) {
  constexpr range within = {0, 100, true};
  const auto long_name = in.number("repetition_penalty", within), short_name = in.number("repeat_penalty", within);
  if (long_name && short_name && *long_name != *short_name)
    in.wrong("repeat_penalty", fmt::format("'repetition_penalty' is {} and 'repeat_penalty' is {}; one of them, or equal ones, expected", *long_name, *short_name));
  if (const auto n = long_name ? long_name : short_name) to = static_cast<float>(*n);
}

// Any 64 bits: clients send negative seeds too. -1 is llama.cpp's and vLLM's word for none.
void read_seed(fields& in, wire::SamplingT& to) {
  const auto* value = in.find("seed");
  if (!value || *value == -1) return;
  if (value->is_number_unsigned()) to.seed = value->get<std::uint64_t>();
  else if (value->is_number_integer()) to.seed = static_cast<std::uint64_t>(value->get<std::int64_t>());
  else in.wrong_type("seed", "an integer of 64 bits", *value);
}

void read_bias(fields& in, wire::SamplingT& to) {
  const auto* bias = in.object("logit_bias");
  if (!bias) return;
  if (bias->size() > fusion::max_bias_entries)
    return in.wrong("logit_bias", fmt::format("'logit_bias' must have at most {} entries, got {}", fusion::max_bias_entries, bias->size()));
  fields entries(*bias, "logit_bias", in.found());
  for (auto it = bias->begin(); it != bias->end(); ++it) {
    const auto& key = it.key();
    std::int32_t token = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
    if (error != std::errc() || end != key.data() + key.size() || token < 0)
      return in.wrong("logit_bias", fmt::format("'logit_bias' must have token ids as its keys, got '{}'", shortened(key, 64)));
    const auto value = entries.number(key, {-100, 100});
    if (!value) continue;
    to.bias_tokens.push_back(token);
    to.bias_values.push_back(static_cast<float>(*value));
  }
}

void add_stop(fields& in, const json& value, const std::string& path, std::vector<std::string>& to) {
  if (!value.is_string()) return note(in.found(), type_error(path, "a string", value));
  auto text = value.get<std::string>();
  if (text.empty()) return note(in.found(), wrong_request(fmt::format("'{}' must not be empty", path), path, "invalid_value"));
  if (text.size() > fusion::max_stop_bytes)
    return note(in.found(), wrong_request(fmt::format("'{}' must have at most {} bytes, got {}", path, fusion::max_stop_bytes, text.size()),
                                          path, "invalid_value"));
  to.push_back(std::move(text));
}

std::string shown(std::uint32_t limit) { return limit == rest_of_context ? "-1" : std::to_string(limit); }

std::string label(fields& in, const std::string& path, const std::string& text) {
  if (text.size() > fusion::max_label_bytes)
    note(in.found(), wrong_request(fmt::format("'{}' must have at most {} bytes, got {}", shortened(path, 64), fusion::max_label_bytes,
                                               text.size()), shortened(path, 64), "invalid_value"));
  return text;
}

} // namespace

void read_sampling(fields& in, wire::OpenT& to) {
  auto& s = *to.sampling;
  s.temperature = 1; // as OpenAI's API has it; Tokamak's own is greedy
  read_number(in, "temperature", {0, 2}, s.temperature);
  read_number(in, "top_p", {0, 1, true}, s.top_p);
  read_number(in, "min_p", {0, 1}, s.min_p);
  read_repetition(in, s.repetition_penalty);
  read_number(in, "presence_penalty", {-2, 2}, s.presence_penalty);
  read_number(in, "frequency_penalty", {-2, 2}, s.frequency_penalty);
  // -1 is vLLM's word for all, 0 is llama.cpp's.
  if (const auto k = in.integer("top_k", {-1, most_tokens})) s.top_k = static_cast<std::uint32_t>(std::max<std::int64_t>(*k, 0));
  read_seed(in, s);
  read_bias(in, s);
}

void read_stops(fields& in, wire::OpenT& to) {
  auto& stops = *to.stops;
  if (const auto* stop = in.find("stop")) {
    if (stop->is_string()) {
      add_stop(in, *stop, "stop", stops.strings);
    } else if (!stop->is_array()) {
      in.wrong_type("stop", "a string or an array of strings", *stop);
    } else if (stop->size() > max_requested_stops) {
      in.wrong("stop", fmt::format("'stop' must have at most {} strings, got {}", max_requested_stops, stop->size()));
    } else {
      for (std::size_t i = 0; i < stop->size(); ++i) add_stop(in, (*stop)[i], element("stop", i), stops.strings);
    }
  }
  if (const auto* ids = in.array("stop_token_ids")) {
    if (ids->size() > fusion::max_stop_tokens)
      in.wrong("stop_token_ids", fmt::format("'stop_token_ids' must have at most {} ids, got {}", fusion::max_stop_tokens, ids->size()));
    for (std::size_t i = 0; i < ids->size(); ++i) {
      if (const auto token = token_of((*ids)[i])) stops.tokens.push_back(*token);
      else note(in.found(), type_error(element("stop_token_ids", i), "a token id", (*ids)[i]));
    }
  }
  to.show_special = !in.flag("skip_special_tokens").value_or(true);
  stops.ignore_eos = in.flag("ignore_eos").value_or(false);
  if (const auto n = in.integer("min_tokens", {0, most_tokens})) stops.min_tokens = static_cast<std::uint32_t>(*n);
  if (stops.min_tokens > to.generate)
    in.wrong("min_tokens", fmt::format("'min_tokens' must be at most the limit of the answer, which is {}, got {}", to.generate,
                                       stops.min_tokens));
}

void read_limit(fields& in, std::initializer_list<std::string_view> names, wire::OpenT& to) {
  std::string_view first;
  to.generate = rest_of_context;
  for (const auto name : names) {
    const auto* given = in.find(name);
    const bool none = given && *given == -1;
    const auto n = none ? std::optional<std::int64_t>(rest_of_context) : in.integer(name, {1, most_tokens});
    if (!n) continue;
    const auto tokens = static_cast<std::uint32_t>(*n);
    if (!first.empty() && tokens != to.generate)
      in.wrong(name, fmt::format("'{}' is {} and '{}' is {}; one of them, or equal ones, expected", first, shown(to.generate), name, shown(tokens)));
    first = name;
    to.generate = tokens;
  }
}

void read_client(fields& in, wire::OpenT& to) {
  // OpenAI's name for an end user was the first one, and is now the second.
  const auto* user = in.text("user");
  const auto* identifier = in.text("safety_identifier");
  if (user && identifier && *user != *identifier)
    in.wrong("safety_identifier", fmt::format("'user' is '{}' and 'safety_identifier' is '{}'; one of them, or equal ones, expected",
                                              shortened(*user, 64), shortened(*identifier, 64)));
  if (identifier) to.tenant = label(in, "safety_identifier", *identifier);
  if (user) to.tenant = label(in, "user", *user);
  const auto* metadata = in.object("metadata");
  if (!metadata) return;
  if (metadata->size() > fusion::max_metadata_entries)
    return in.wrong("metadata", fmt::format("'metadata' must have at most {} entries, got {}", fusion::max_metadata_entries, metadata->size()));
  for (auto it = metadata->begin(); it != metadata->end(); ++it) {
    const auto path = "metadata." + it.key();
    if (!it->is_string()) return note(in.found(), type_error(shortened(path, 64), "a string", *it));
    auto entry = std::make_unique<wire::LabelT>();
    entry->key = label(in, path, it.key());
    entry->value = label(in, path, it->get<std::string>());
    to.metadata.push_back(std::move(entry));
  }
}

void read_stream(fields& in, generation_request& request) {
  request.stream = in.flag("stream").value_or(false);
  const auto* options = in.object("stream_options");
  if (!options) return;
  if (!request.stream) return in.wrong("stream_options", "'stream_options' is only allowed when 'stream' is true");
  fields of(*options, "stream_options", in.found());
  if (request.kind != api::responses) request.include_usage = of.flag("include_usage").value_or(false);
  if (of.flag("include_obfuscation").value_or(false)) of.unsupported("include_obfuscation", "events have no padding");
  of.finish();
}

void read_verbosity(fields& in) {
  if (const auto* verbosity = in.text("verbosity"); verbosity && *verbosity != "medium")
    in.unsupported("verbosity", "models are not told how much to say; 'medium' expected");
}

void read_service(fields& in) {
  if (in.flag("store").value_or(false)) in.unsupported("store", "answers are not kept; false expected");
  if (const auto* tier = in.text("service_tier"); tier && *tier != "auto" && *tier != "default")
    in.unsupported("service_tier", "'auto' or 'default' expected");
  in.text("prompt_cache_key"); // prefixes are found by their tokens, with or without a key
  if (const auto* kept = in.text("prompt_cache_retention"); kept && *kept != "in_memory" && *kept != "in-memory")
    in.unsupported("prompt_cache_retention", "prefixes are kept in memory while there is room; 'in_memory' expected");
  read_verbosity(in);
  for (const auto name : {"moderation", "prompt_cache_options"}) in.unsupported(name);
}

} // namespace tokamak::frontend::openai
