// A sound frame of every type with every field filled, so that edits of its bytes reach what is nested.
#pragma once

#include "message/frame.hpp"

namespace tokamak::fuzz {

template <class T>
auto own(T value) {
  return std::make_unique<T>(std::move(value));
}

template <class T>
auto list_of(T value) {
  std::vector<std::unique_ptr<T>> list;
  list.push_back(own(std::move(value)));
  return list;
}

inline wire::ErrorT error_sample() {
  return {.code = wire::ErrorCode::corrupt, .message = "message", .where = "file:1:2"};
}

inline wire::SamplingT sampling_sample() {
  wire::SamplingT s;
  s.temperature = 0.5f;
  s.top_k = 4;
  s.top_p = 0.9f;
  s.min_p = 0.1f;
  s.repetition_penalty = 1.1f;
  s.seed = 77;
  s.bias_tokens = {1, 2};
  s.bias_values = {0.5f, -1.0f};
  s.top_logprobs = 2;
  return s;
}

inline wire::CacheHitGroupT group_sample() { return {.first_block = 1, .blocks = {3, 4}, .state_slot = 5}; }

inline wire::ActorStatusT status_sample() {
  wire::ActorStatusT s;
  s.name = "main";
  s.kind = "scheduler";
  s.counters = list_of<wire::CounterT>({.name = "waiting", .value = 3});
  s.node = "node";
  return s;
}

/// All fields of a frame whose fields are numbers or vectors of them need no more than this.
template <class T>
typename T::NativeTableType sample() {
  return {};
}

template <>
inline wire::OpenT sample<wire::Open>() {
  wire::OpenT o;
  o.id = 7;
  o.parent = 8;
  o.target = "model";
  o.prompt = own<wire::PromptT>({});
  o.prompt->messages = list_of<wire::MessageT>({.role = "user", .content = "Hello"});
  o.prompt->messages.push_back(own<wire::MessageT>({.role = "assistant", .content = "Yes?"}));
  o.prompt->text = "Once upon";
  o.prompt->tokens = {1, 2, 3};
  o.prompt->json_messages = "[]";
  o.prompt->tools = "[]";
  o.delivered = {4, 5};
  o.sampling = own(sampling_sample());
  o.stops = own<wire::StopsT>({.strings = {"end", "stop"}, .tokens = {2}, .ignore_eos = true, .min_tokens = 1});
  o.generate = 9;
  o.trace = "trace";
  o.tenant = "tenant";
  o.metadata = list_of<wire::LabelT>({.key = "key", .value = "value"});
  return o;
}

template <>
inline wire::ExtendT sample<wire::Extend>() {
  return {.id = 7, .op = 1, .tokens = {1, 2}, .text = "text", .top_logprobs = 3, .score = true};
}

template <>
inline wire::RenewT sample<wire::Renew>() {
  return {.ids = {1, 2}, .lease_us = 3};
}

template <>
inline wire::FlowT sample<wire::Flow>() {
  return {.ids = {1, 2}, .paused = true};
}

template <>
inline wire::ChunksT sample<wire::Chunks>() {
  wire::ChunkT c;
  c.id = 7;
  c.tokens = {1, 2};
  c.text = "text";
  c.logprobs = {-0.5f, -1.5f};
  c.top = own<wire::TopLogprobsT>(
      {.counts = {2, 1}, .ids = {1, 2, 3}, .logprobs = {-1, -2, -3}, .texts = {"a", "b", "c"}});
  c.finish = wire::FinishReason::stop;
  c.stop = "end";
  c.usage = own<wire::UsageT>({.prompt_tokens = 3, .completion_tokens = 2});
  c.error = own(error_sample());
  wire::ChunksT chunks;
  chunks.items = list_of(std::move(c));
  return chunks;
}

template <>
inline wire::StepT sample<wire::Step>() {
  wire::StepT s;
  s.id = 3;
  s.tokens = {1, 2, 3};
  s.positions = {0, 1, 5};
  s.parents = {-1, 0, -1};
  s.sequence_ids = {9, 10};
  s.row_begin = {0, 2, 3};
  s.groups = list_of<wire::GroupStepT>(
      {.context = {0, 5}, .first_block = {0, 0}, .table_begin = {0, 1, 3}, .tables = {7, 8, 9}});
  s.cache_ops = {{wire::CacheOpKind::copy, true, 0, 1, 2, 3, 4, 5},
                 {wire::CacheOpKind::clear, false, 0, 1, 2, 3, 4, 5}};
  s.output_rows = {1, 2};
  s.output_kinds = {wire::WantKind::sample, wire::WantKind::top};
  s.output_top = {0, 3};
  s.output_next = {-1, 2};
  wire::StepOpenT opened;
  opened.id = 9;
  opened.sampling = own(sampling_sample());
  opened.history = {1, 2};
  opened.suppressed = {2};
  s.opened = list_of(std::move(opened));
  s.closed = {4};
  return s;
}

template <>
inline wire::StepResultT sample<wire::StepResult>() {
  wire::StepResultT r;
  r.id = 3;
  r.tokens = {5, -1};
  r.logprobs = {-0.5f, 0};
  r.top_counts = {0, 2};
  r.top_ids = {1, 2};
  r.top_logprobs = {-1, -2};
  r.error = own(error_sample());
  return r;
}

template <>
inline wire::CacheLookupT sample<wire::CacheLookup>() {
  return {.sequence = 7, .tokens = {1, 2, 3}};
}

template <>
inline wire::CacheHitT sample<wire::CacheHit>() {
  wire::CacheHitT h;
  h.sequence = 7;
  h.tokens = 32;
  h.groups = list_of(group_sample());
  return h;
}

template <>
inline wire::LeaseRequestT sample<wire::LeaseRequest>() {
  return {.wanted = {4, 5}};
}

template <>
inline wire::LeaseGrantT sample<wire::LeaseGrant>() {
  wire::LeaseGrantT g;
  g.groups = list_of<wire::BlockListT>({.blocks = {1, 2}});
  g.available = {3};
  g.exhausted = true;
  return g;
}

template <>
inline wire::CacheCommitT sample<wire::CacheCommit>() {
  wire::CacheCommitT c;
  c.sequence = 7;
  c.tokens = {1, 2, 3};
  c.groups = list_of(group_sample());
  return c;
}

template <>
inline wire::UnpinT sample<wire::Unpin>() {
  return {.sequences = {1, 2}};
}

template <>
inline wire::ReleaseT sample<wire::Release>() {
  wire::ReleaseT r;
  r.groups = list_of<wire::BlockListT>({.blocks = {1, 2}});
  return r;
}

template <>
inline wire::CacheExportT sample<wire::CacheExport>() {
  return {.transfer = 7, .tokens = {1, 2, 3}};
}

inline wire::CacheFormT form_sample() {
  return {.kind = 1, .n_layers = 2, .block_size = 4, .k_width = 16, .v_width = 16, .state_width = 0, .format = 1};
}

template <>
inline wire::CacheBlocksT sample<wire::CacheBlocks>() {
  wire::CacheBlocksT b;
  b.transfer = 7;
  b.model = "fingerprint";
  b.tokens = {1, 2, 3, 4};
  b.first_blocks = {0};
  b.shards = 1;
  b.forms = list_of(form_sample());
  b.error = own(error_sample());
  return b;
}

template <>
inline wire::CacheImportedT sample<wire::CacheImported>() {
  wire::CacheImportedT i;
  i.transfer = 7;
  i.tokens = 4;
  i.error = own(error_sample());
  return i;
}

template <>
inline wire::CacheTransferT sample<wire::CacheTransfer>() {
  wire::CacheTransferT t;
  t.transfer = 7;
  t.shard = 1;
  t.fill = true;
  t.groups = list_of<wire::BlockListT>({.blocks = {1, 2}});
  t.forms = list_of(form_sample());
  return t;
}

template <>
inline wire::CacheTransferredT sample<wire::CacheTransferred>() {
  wire::CacheTransferredT t;
  t.transfer = 7;
  t.shard = 1;
  t.forms = list_of(form_sample());
  t.error = own(error_sample());
  return t;
}

template <>
inline wire::ModelListT sample<wire::ModelList>() {
  wire::ModelListT m;
  m.op = 1;
  m.models = list_of<wire::ModelInfoT>(
      {.name = "name", .fusion = "direct", .pools = {"a", "b"}, .context_length = 2048, .aliases = {"c"}});
  return m;
}

template <>
inline wire::StatusReportT sample<wire::StatusReport>() {
  wire::StatusReportT s;
  s.op = 1;
  s.node = "node";
  s.version = "0.1.0";
  s.topology_digest = "0123";
  s.actors = list_of(status_sample());
  s.nodes = list_of<wire::NodeStatusT>({.name = "node", .version = "0.1.0", .uptime_us = 5, .draining = true, .problem = "not connected"});
  return s;
}

template <>
inline wire::ErrorReplyT sample<wire::ErrorReply>() {
  wire::ErrorReplyT e;
  e.op = 1;
  e.error = own(error_sample());
  return e;
}

template <>
inline wire::LedgerEntryT sample<wire::LedgerEntry>() {
  wire::LedgerEntryT l;
  l.request = 7;
  l.tenant = "tenant";
  l.engine = "engine";
  l.kinds = {wire::TokenKind::computed, wire::TokenKind::cached};
  l.amounts = {5, 6};
  return l;
}

template <>
inline wire::DrainT sample<wire::Drain>() {
  return {.deadline_us = 1, .announce = true, .op = 2, .node = "main"};
}

template <>
inline wire::DrainedT sample<wire::Drained>() {
  return {.name = "main", .op = 1, .finished = 2, .cut = 3, .moved = 4, .took_us = 5};
}

template <>
inline wire::ActorStatusT sample<wire::ActorStatus>() {
  return status_sample();
}

template <>
inline wire::HelloT sample<wire::Hello>() {
  wire::HelloT h;
  h.node = "node";
  h.topology_digest = "0123";
  h.epoch = 3;
  h.session = 4;
  h.capabilities = {"load"};
  h.heartbeat_us = 1000;
  h.window_bytes = {100, 200};
  return h;
}

template <>
inline wire::RefusalT sample<wire::Refusal>() {
  wire::RefusalT r;
  r.session = 4;
  r.error = own(error_sample());
  return r;
}

template <>
inline wire::ExportsT sample<wire::Exports>() {
  wire::ExportsT e;
  e.items = list_of<wire::ExportT>({.name = "scheduler.main", .actor = 9});
  return e;
}

template <>
inline wire::GoneT sample<wire::Gone>() {
  return {.actors = {9, 10}};
}

template <>
inline wire::EngineLoadT sample<wire::EngineLoad>() {
  return {.engine = "main", .model = "0123", .running = 1, .waiting = 2, .blocks_free = 3, .blocks_total = 4, .step_us = 5, .tokens_per_s = 6, .draining = true};
}

} // namespace tokamak::fuzz
