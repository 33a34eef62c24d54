// Builds the FlatBuffers a client sends.
#include "encode.hpp"

#include "operations_generated.h"
#include "sequence_generated.h"

namespace tokamak::client_detail {

namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

template <class Table>
bytes finished(FlatBufferBuilder& builder, Offset<Table> root) {
  builder.Finish(root);
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

// Absent rather than empty: the contract tells the prompt's kind by which field is there.
Offset<flatbuffers::String> text_or_none(FlatBufferBuilder& builder, const std::string& text) {
  return text.empty() ? Offset<flatbuffers::String>() : builder.CreateString(text);
}

template <class T>
Offset<flatbuffers::Vector<T>> vector_or_none(FlatBufferBuilder& builder, const std::vector<T>& values) {
  return values.empty() ? Offset<flatbuffers::Vector<T>>() : builder.CreateVector(values);
}

Offset<wire::Prompt> encode_prompt(FlatBufferBuilder& builder, const client_request& request) {
  Offset<flatbuffers::Vector<Offset<wire::Message>>> messages;
  Offset<flatbuffers::String> text, json;
  Offset<flatbuffers::Vector<std::int32_t>> tokens;
  if (const auto* given = std::get_if<std::string>(&request.prompt.value)) {
    text = builder.CreateString(*given);
  } else if (const auto* ids = std::get_if<std::vector<std::int32_t>>(&request.prompt.value)) {
    tokens = builder.CreateVector(*ids);
  } else if (const auto* list = std::get_if<std::vector<client_message>>(&request.prompt.value)) {
    std::vector<Offset<wire::Message>> encoded;
    for (const client_message& message : *list) {
      const auto role = builder.CreateString(message.role);
      const auto content = builder.CreateString(message.content);
      encoded.push_back(wire::CreateMessage(builder, role, content));
    }
    messages = builder.CreateVector(encoded);
  } else {
    json = builder.CreateString(std::get_if<client_json_messages>(&request.prompt.value)->json);
  }
  const auto tools = text_or_none(builder, request.tools);
  const auto variables = text_or_none(builder, request.template_variables);
  return wire::CreatePrompt(builder, messages, text, tokens, request.add_special, request.parse_special, json, tools, variables);
}

Offset<wire::Sampling> encode_sampling(FlatBufferBuilder& builder, const client_sampling& sampling) {
  std::vector<std::int32_t> bias_tokens;
  std::vector<float> bias_values;
  for (const auto& [token, value] : sampling.logit_bias) {
    bias_tokens.push_back(token);
    bias_values.push_back(value);
  }
  const auto tokens = vector_or_none(builder, bias_tokens);
  const auto values = vector_or_none(builder, bias_values);
  flatbuffers::Optional<std::uint64_t> seed;
  if (sampling.seed) seed = *sampling.seed;
  return wire::CreateSampling(builder, sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p,
                              sampling.repetition_penalty, sampling.presence_penalty, sampling.frequency_penalty,
                              seed, tokens, values, sampling.top_logprobs, sampling.logprobs);
}

Offset<wire::Stops> encode_stops(FlatBufferBuilder& builder, const client_stops& stops) {
  Offset<flatbuffers::Vector<Offset<flatbuffers::String>>> strings;
  if (!stops.strings.empty()) strings = builder.CreateVectorOfStrings(stops.strings);
  const auto tokens = vector_or_none(builder, stops.tokens);
  return wire::CreateStops(builder, strings, tokens, stops.ignore_eos, stops.min_tokens);
}

Offset<flatbuffers::Vector<Offset<wire::Label>>> encode_metadata(
    FlatBufferBuilder& builder, const std::vector<std::pair<std::string, std::string>>& metadata) {
  if (metadata.empty()) return 0;
  std::vector<Offset<wire::Label>> labels;
  for (const auto& [key, value] : metadata) {
    const auto k = builder.CreateString(key), v = builder.CreateString(value);
    labels.push_back(wire::CreateLabel(builder, k, v));
  }
  return builder.CreateVector(labels);
}

} // namespace

bytes encode_open(std::uint64_t id, const client_request& request) {
  FlatBufferBuilder builder(1024);
  const auto target = builder.CreateString(request.model);
  const auto prompt = encode_prompt(builder, request);
  const auto delivered = vector_or_none(builder, request.delivered);
  const auto sampling = encode_sampling(builder, request.sampling);
  const auto stops = encode_stops(builder, request.stops);
  Offset<wire::Constraint> constraint;
  if (request.constraint) {
    const auto plugin = builder.CreateString(request.constraint->plugin), text = builder.CreateString(request.constraint->text);
    constraint = wire::CreateConstraint(builder, plugin, text);
  }
  const auto trace = text_or_none(builder, request.trace);
  const auto tenant = text_or_none(builder, request.tenant);
  const auto metadata = encode_metadata(builder, request.metadata);
  wire::OpenBuilder open(builder);
  open.add_id(id);
  open.add_target(target);
  open.add_prompt(prompt);
  open.add_delivered(delivered);
  open.add_sampling(sampling);
  open.add_stops(stops);
  open.add_generate(request.max_tokens);
  open.add_deadline_us(static_cast<std::uint64_t>(request.deadline.count()));
  open.add_priority(request.priority);
  open.add_show_special(request.show_special);
  open.add_trace(trace);
  open.add_tenant(tenant);
  open.add_metadata(metadata);
  if (request.constraint) open.add_constraint(constraint);
  return finished(builder, open.Finish());
}

bytes encode_close(std::uint64_t id) {
  FlatBufferBuilder builder(64);
  return finished(builder, wire::CreateClose(builder, id));
}

bytes encode_acknowledge(std::uint64_t id, std::uint32_t tokens) {
  FlatBufferBuilder builder(64);
  return finished(builder, wire::CreateAcknowledge(builder, id, tokens));
}

bytes encode_list_models(std::uint64_t op) {
  FlatBufferBuilder builder(64);
  return finished(builder, wire::CreateListModels(builder, op));
}

bytes encode_status_request(std::uint64_t op) {
  FlatBufferBuilder builder(64);
  return finished(builder, wire::CreateStatusRequest(builder, op));
}

bytes encode_drain(std::uint64_t op, const std::string& node) {
  FlatBufferBuilder builder(64);
  const auto name = builder.CreateString(node);
  wire::DrainBuilder drain(builder);
  drain.add_op(op);
  drain.add_node(name);
  return finished(builder, drain.Finish());
}

} // namespace tokamak::client_detail
