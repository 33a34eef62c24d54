// A table, by kind of actor in the order of a token's way.
#include "frontend/http/prometheus_counters.hpp"

#include <algorithm>
#include <iterator>

namespace tokamak::frontend {
namespace {

constexpr auto counter = metric_type::counter;
constexpr auto gauge = metric_type::gauge;

constexpr counter_meaning known[] = {
    {"frontend", "clients", gauge, "Clients of ZeroMQ."},
    {"frontend", "connections", gauge, "Open connections."},
    {"frontend", "requests_running", gauge, "Requests whose answer has not ended."},
    {"frontend", "http_requests", counter, "Requests over HTTP, of every path."},
    {"frontend", "messages", counter, "Messages of clients."},
    {"frontend", "bad_messages", counter, "Messages of clients that could not be read."},
    {"frontend", "requests", counter, "Answers that were asked for, each choice one."},
    {"frontend", "refused", counter, "Requests that were refused before they reached an endpoint."},
    {"frontend", "refused_keys", counter, "Connections with a key that is not allowed."},
    {"frontend", "refused_connections", counter, "Connections above the limit."},
    {"frontend", "cancelled", counter, "Requests that their client cancelled or left."},
    {"frontend", "stalled", counter, "Requests that were cut because their client did not read."},
    {"frontend", "clients_gone", counter, "Clients that left without a word."},
    {"frontend", "chunks", counter, "Chunks of answers that were sent."},
    {"frontend", "tokens", counter, "Tokens of answers that were sent."},

    {"endpoint", "running", gauge, "Requests whose answer has not ended."},
    {"endpoint", "opened", counter, "Requests that were admitted."},
    {"endpoint", "finished", counter, "Requests that ended by stop or by length."},
    {"endpoint", "finished_stop", counter, "Requests that ended by an end token or a stop string."},
    {"endpoint", "finished_length", counter, "Requests that ended because max_tokens or the context was used up."},
    {"endpoint", "failed", counter, "Requests that ended in an error, those not admitted too."},
    {"endpoint", "cancelled", counter, "Requests that their owner cancelled or left."},
    {"endpoint", "delivered_tokens", counter, "Tokens of answers that left."},

    {"pool", "open", gauge, "Sequences at engines."},
    {"pool", "opened", counter, "Sequences that were opened."},
    {"pool", "finished", counter, "Sequences that ended without an error."},
    {"pool", "failed", counter, "Sequences that ended in an error."},
    {"pool", "prompt_tokens", counter, "Tokens of prompts."},
    {"pool", "delivered_tokens", counter, "Tokens of answers that left."},
    {"pool", "discarded_tokens", counter, "Tokens of engines that came for nobody."},
    {"pool", "resumed", counter, "Answers that another engine went on with."},
    {"pool", "engines", gauge, "Engines of the pool."},
    {"pool", "engines_available", gauge, "Engines that may be given work."},

    {"scheduler", "running", gauge, "Sequences that have been in a step."},
    {"scheduler", "waiting", gauge, "Sequences that wait for their first step, or for room to go on."},
    {"scheduler", "steps", counter, "Steps."},
    {"scheduler", "rows", counter, "Rows of steps: tokens computed in all."},
    {"scheduler", "tokens_computed", counter, "Tokens computed for the first time."},
    {"scheduler", "tokens_recomputed", counter, "Tokens computed again, after a preemption or the loss of an engine."},
    {"scheduler", "tokens_looked_up", counter, "Tokens of prompts that the prefix cache was asked about."},
    {"scheduler", "tokens_cached", counter, "Of them, tokens that it had."},
    {"scheduler", "tokens_prompt", counter, "Tokens of prompts whose first token came."},
    {"scheduler", "tokens_generated", counter, "Tokens sampled, those that end an answer too."},
    {"scheduler", "finished", counter, "Sequences that ended by stop or by length."},
    {"scheduler", "failed", counter, "Sequences that ended in an error."},
    {"scheduler", "cancelled", counter, "Sequences that were closed."},
    {"scheduler", "refused", counter, "Sequences that were not admitted."},
    {"scheduler", "preempted", counter, "Sequences that gave their blocks up to others."},
    {"scheduler", "step_us", gauge, "Microseconds that the last steps computed, a mean."},
    {"scheduler", "blocks_leased_free", gauge, "Blocks at hand for the next tokens, of the first cache group."},
    {"scheduler", "blocks_total", gauge, "Blocks of the first cache group."},
    {"scheduler", "block_size", gauge, "Tokens of a block of the first cache group."},
    {"scheduler", "kv_cache_usage", gauge, "Part of the blocks that sequences hold, of the fullest cache group; 1 is all."},
    {"scheduler", "missing_shards", gauge, "Shards on other nodes that an engine cut over nodes waits for."},

    {"kv_cache", "lookups", counter, "Prompts that were asked about."},
    {"kv_cache", "hits", counter, "Of them, those that began with something cached."},
    {"kv_cache", "hit_tokens", counter, "Tokens of hits."},
    {"kv_cache", "blocks_free", gauge, "Free blocks, those that a scheduler has leased not among them."},
    {"kv_cache", "cached_blocks", gauge, "Cached blocks."},
    {"kv_cache", "evicted_blocks", counter, "Cached blocks that were given up."},
    {"kv_cache", "exported_tokens", counter, "Tokens whose blocks went to other engines."},
    {"kv_cache", "imported_tokens", counter, "Tokens whose blocks came from other engines."},
    {"kv_cache", "failed_transfers", counter, "Transfers that failed."},

    {"shard", "steps", counter, "Steps."},
    {"shard", "rows", counter, "Rows of steps."},
    {"shard", "outputs", counter, "Rows whose logits were computed."},
    {"shard", "failed_steps", counter, "Steps that failed."},
    {"shard", "busy_us", counter, "Microseconds in steps."},
    {"shard", "sample_us", counter, "Microseconds in sampling."},
    {"shard", "blocks_read", counter, "Blocks read for other engines."},
    {"shard", "blocks_filled", counter, "Blocks filled from other engines."},
    {"shard", "threads", gauge, "Threads of the backend."},
    {"shard", "memory_bytes", gauge, "Memory of the backend."},

    {"ledger", "tokens_computed", counter, "Tokens computed for the first time."},
    {"ledger", "tokens_cached", counter, "Tokens of prompts that were cached."},
    {"ledger", "tokens_recomputed", counter, "Tokens computed again."},
    {"ledger", "tokens_delivered", counter, "Tokens delivered."},
    {"ledger", "tokens_discarded", counter, "Tokens that came for nobody."},
    {"ledger", "tenants", gauge, "Tenants that tokens were booked for."},

    // Sums over the sessions that are there: they fall when one ends.
    {"links", "nodes", gauge, "Nodes to have links with."},
    {"links", "nodes_up", gauge, "Nodes whose link is up."},
    {"links", "sessions", counter, "Sessions that began."},
    {"links", "sessions_lost", counter, "Sessions that ended without a farewell."},
    {"links", "refused", counter, "Greetings that were refused."},
    {"links", "refused_keys", counter, "Connections with a key that is not allowed."},
    {"links", "bad_messages", counter, "Messages that could not be read."},
    {"links", "round_trip_us", gauge, "The longest of the links' round trips, microseconds."},
    {"links", "frames_sent", gauge, "Frames sent in the sessions that are up."},
    {"links", "frames_received", gauge, "Frames received in the sessions that are up."},
    {"links", "control_bytes_sent", gauge, "Bytes sent in the lanes for control that are up."},
    {"links", "control_bytes_received", gauge, "Bytes received in the lanes for control that are up."},
    {"links", "bulk_bytes_sent", gauge, "Bytes sent in the lanes for bulk that are up."},
    {"links", "bulk_bytes_received", gauge, "Bytes received in the lanes for bulk that are up."},
    {"links", "queued_bytes", gauge, "Bytes that wait to be sent."},
    {"links_peer", "up", gauge, "Whether the link is up: 1 or 0."},
    {"links_peer", "round_trip_us", gauge, "Round trip of the link, microseconds."},
    {"links_peer", "bytes_sent", gauge, "Bytes sent in the session that is up."},
    {"links_peer", "bytes_received", gauge, "Bytes received in the session that is up."},
    {"links_peer", "queued_bytes", gauge, "Bytes that wait to be sent to the node."},
};

} // namespace

const counter_meaning* meaning_of(std::string_view kind, std::string_view counter) {
  const auto* found = std::find_if(std::begin(known), std::end(known), [&](const auto& k) { return k.name == counter && k.kind == kind; });
  return found != std::end(known) ? found : nullptr;
}

} // namespace tokamak::frontend
