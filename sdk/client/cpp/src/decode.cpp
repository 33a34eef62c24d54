// Verifies and reads the FlatBuffers a service sends.
#include "decode.hpp"

#include "operations_generated.h"
#include "sequence_generated.h"

namespace tokamak::client_detail {

namespace {

constexpr flatbuffers::uoffset_t max_depth = 32;
constexpr flatbuffers::uoffset_t max_tables = 1'000'000;

client_error corrupt(std::string message) { return {client_errc::corrupt, std::move(message), ""}; }

template <class Table>
const Table* verified(byte_view data) {
  flatbuffers::Verifier verifier(data.data(), data.size(), max_depth, max_tables);
  return verifier.VerifyBuffer<Table>(nullptr) ? flatbuffers::GetRoot<Table>(data.data()) : nullptr;
}

std::string text_of(const flatbuffers::String* text) { return text ? text->str() : std::string(); }

template <class T>
std::vector<T> values_of(const flatbuffers::Vector<T>* values) {
  return values ? std::vector<T>(values->begin(), values->end()) : std::vector<T>();
}

client_error error_of(const wire::Error* error) {
  if (!error) return {client_errc::internal, "the service reported an error without saying which", ""};
  auto code = static_cast<client_errc>(error->code());
  if (code == client_errc::ok || code > client_errc::internal) code = client_errc::internal;
  return {code, text_of(error->message()), text_of(error->where())};
}

client_usage usage_of(const wire::Usage& usage) {
  using std::chrono::microseconds;
  return {usage.prompt_tokens(),           usage.cached_tokens(),
          usage.completion_tokens(),       microseconds(usage.queued_us()),
          microseconds(usage.first_token_us()), microseconds(usage.total_us())};
}

// False when the parallel vectors do not fit together or the number of tokens.
bool read_top(const wire::TopLogprobs& top, std::size_t tokens, std::vector<std::vector<client_top_token>>& out) {
  const std::size_t positions = top.counts() ? top.counts()->size() : 0;
  const std::size_t entries = top.ids() ? top.ids()->size() : 0;
  const std::size_t texts = top.texts() ? top.texts()->size() : 0;
  if (positions == 0 && entries == 0) return true;
  if (positions != tokens || !top.logprobs() || top.logprobs()->size() != entries) return false;
  if (texts != 0 && texts != entries) return false;
  std::size_t next = 0;
  for (const std::uint8_t count : *top.counts()) {
    if (count > entries - next) return false;
    auto& list = out.emplace_back();
    for (const std::size_t end = next + count; next < end; ++next) {
      const auto at = static_cast<flatbuffers::uoffset_t>(next);
      list.push_back({top.ids()->Get(at), top.logprobs()->Get(at), texts ? text_of(top.texts()->Get(at)) : ""});
    }
  }
  return next == entries;
}

client_result<received_chunk> read_chunk(const wire::Chunk& chunk) {
  received_chunk out;
  out.id = chunk.id();
  out.chunk.offset = chunk.offset();
  out.chunk.text = text_of(chunk.text());
  out.chunk.token_ids = values_of(chunk.tokens());
  out.chunk.logprobs = values_of(chunk.logprobs());
  out.chunk.stop = text_of(chunk.stop());
  const std::size_t tokens = out.chunk.token_ids.size();
  if (!out.chunk.logprobs.empty() && out.chunk.logprobs.size() != tokens)
    return corrupt("a chunk has " + std::to_string(tokens) + " tokens but " +
                   std::to_string(out.chunk.logprobs.size()) + " log-probabilities");
  if (chunk.top() && !read_top(*chunk.top(), tokens, out.chunk.top_logprobs))
    return corrupt("a chunk's top log-probabilities do not fit its " + std::to_string(tokens) + " tokens");
  if (chunk.usage()) out.chunk.usage = usage_of(*chunk.usage());
  switch (chunk.finish()) {
    case wire::FinishReason::none: break;
    case wire::FinishReason::stop: out.chunk.finish = client_finish::stop; break;
    case wire::FinishReason::length: out.chunk.finish = client_finish::length; break;
    case wire::FinishReason::cancelled: out.chunk.finish = client_finish::cancelled; break;
    case wire::FinishReason::error: out.error = error_of(chunk.error()); break;
    default: return corrupt("a chunk ends with the unknown reason " + std::to_string(static_cast<int>(chunk.finish())));
  }
  return out;
}

} // namespace

client_result<std::vector<received_chunk>> decode_chunks(byte_view data) {
  const auto* root = verified<wire::Chunks>(data);
  if (!root) return corrupt("the service sent a broken Chunks message");
  std::vector<received_chunk> out;
  if (!root->items()) return out;
  for (const auto* item : *root->items()) {
    auto chunk = read_chunk(*item);
    if (!chunk) return chunk.error();
    out.push_back(*std::move(chunk));
  }
  return out;
}

client_result<received_error> decode_error_reply(byte_view data) {
  const auto* root = verified<wire::ErrorReply>(data);
  if (!root) return corrupt("the service sent a broken ErrorReply message");
  return received_error{root->op(), error_of(root->error())};
}

client_result<received_answer<std::vector<client_model>>> decode_model_list(byte_view data) {
  const auto* root = verified<wire::ModelList>(data);
  if (!root) return corrupt("the service sent a broken ModelList message");
  received_answer<std::vector<client_model>> out{root->op(), {}};
  if (!root->models()) return out;
  for (const auto* model : *root->models()) {
    auto& entry = out.value.emplace_back();
    entry.name = text_of(model->name());
    entry.fusion = text_of(model->fusion());
    entry.context_length = model->context_length();
    if (model->pools())
      for (const auto* pool : *model->pools()) entry.pools.push_back(text_of(pool));
    if (model->aliases())
      for (const auto* alias : *model->aliases()) entry.aliases.push_back(text_of(alias));
  }
  return out;
}

client_result<received_answer<client_status>> decode_status_report(byte_view data) {
  const auto* root = verified<wire::StatusReport>(data);
  if (!root) return corrupt("the service sent a broken StatusReport message");
  received_answer<client_status> out{root->op(), {}};
  client_status& status = out.value;
  status.node = text_of(root->node());
  status.version = text_of(root->version());
  status.topology_digest = text_of(root->topology_digest());
  status.uptime = std::chrono::microseconds(root->uptime_us());
  if (root->nodes())
    for (const auto* node : *root->nodes())
      status.nodes.push_back({text_of(node->name()), text_of(node->version()), std::chrono::microseconds(node->uptime_us()), node->draining(),
                              text_of(node->problem())});
  if (!root->actors()) return out;
  for (const auto* actor : *root->actors()) {
    auto& entry = status.actors.emplace_back();
    entry.name = text_of(actor->name());
    entry.kind = text_of(actor->kind());
    entry.node = text_of(actor->node());
    if (actor->counters())
      for (const auto* counter : *actor->counters()) entry.counters.push_back({text_of(counter->name()), counter->value()});
    if (!actor->histograms()) continue;
    for (const auto* h : *actor->histograms()) {
      entry.histograms.push_back({text_of(h->name()), values_of(h->bounds()), values_of(h->counts()), h->sum()});
      if (entry.histograms.back().counts.size() != entry.histograms.back().bounds.size() + 1) return corrupt("the service sent a histogram whose counts do not fit its bounds");
    }
  }
  return out;
}

client_result<received_answer<client_drained>> decode_drained(byte_view data) {
  const auto* root = verified<wire::Drained>(data);
  if (!root) return corrupt("the service sent a broken Drained message");
  client_drained drained{text_of(root->name()), root->finished(), root->moved(), root->cut(), std::chrono::microseconds(root->took_us())};
  return received_answer<client_drained>{root->op(), std::move(drained)};
}

} // namespace tokamak::client_detail
