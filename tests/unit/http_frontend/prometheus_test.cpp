// The text of /metrics, from reports that are given.
#include "frontend/http/prometheus.hpp"

#include "message/measure_bounds.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::frontend;

namespace {

wire::ActorStatusT& actor(wire::StatusReportT& report, std::string kind, std::string name, const std::vector<std::pair<std::string, double>>& counters, std::string node = "n") {
  auto& a = *report.actors.emplace_back(std::make_unique<wire::ActorStatusT>());
  a.kind = std::move(kind);
  a.name = std::move(name);
  a.node = std::move(node);
  for (const auto& [counter, value] : counters) {
    auto& c = *a.counters.emplace_back(std::make_unique<wire::CounterT>());
    c.name = counter;
    c.value = value;
  }
  return a;
}

wire::HistogramT& measured(wire::ActorStatusT& actor, std::string name, std::vector<double> bounds, std::vector<std::uint64_t> counts, double sum) {
  auto& h = *actor.histograms.emplace_back(std::make_unique<wire::HistogramT>());
  h.name = std::move(name);
  h.bounds = std::move(bounds);
  h.counts = std::move(counts);
  h.sum = sum;
  return h;
}

std::string text_of(const wire::StatusReportT& report, const std::map<std::string, std::string>& models = {}) {
  return prometheus_text(*make_frame<wire::StatusReport>(report), models);
}

/// Its lines that begin so.
std::string lines_of(const std::string& text, std::string_view begin) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = text.find('\n', at) + 1;
    if (std::string_view(text).substr(at).starts_with(begin)) out += text.substr(at, next - at);
    at = next;
  }
  return out;
}

} // namespace

TEST_CASE("counters and gauges have their type and help, and stand together by name") {
  wire::StatusReportT report;
  actor(report, "pool", "b", {{"open", 2}, {"opened", 1e9}});
  actor(report, "pool", "a", {{"open", 0.5}, {"opened", 3}}, "");
  CHECK(text_of(report) == R"(# HELP tokamak_pool_open Sequences at engines.
# TYPE tokamak_pool_open gauge
tokamak_pool_open{name="a"} 0.5
tokamak_pool_open{name="b",node="n"} 2
# HELP tokamak_pool_opened_total Sequences that were opened.
# TYPE tokamak_pool_opened_total counter
tokamak_pool_opened_total{name="a"} 3
tokamak_pool_opened_total{name="b",node="n"} 1000000000
)");
}

TEST_CASE("a scheduler's counters come under vLLM's names too, with the name that clients ask for") {
  wire::StatusReportT report;
  actor(report, "scheduler", "first", {{"running", 2}, {"tokens_cached", 64}, {"blocks_total", 100}, {"block_size", 32}});
  actor(report, "scheduler", "second", {{"running", 1}});
  CHECK(lines_of(text_of(report, {{"first", "smollm2"}}), "vllm:") == R"(vllm:cache_config_info{block_size="32",engine="first",model_name="smollm2",node="n",num_gpu_blocks="100"} 1
vllm:num_requests_running{engine="first",model_name="smollm2",node="n"} 2
vllm:num_requests_running{engine="second",model_name="second",node="n"} 1
vllm:prefix_cache_hits_total{engine="first",model_name="smollm2",node="n"} 64
vllm:prompt_tokens_cached_total{engine="first",model_name="smollm2",node="n"} 64
)");
}

TEST_CASE("an endpoint's histograms come by the bounds of each convention, operations together or apart") {
  wire::StatusReportT report;
  auto& e = actor(report, "endpoint", "m", {{"finished_stop", 3}, {"cancelled", 1}});
  const auto& all = measure_bounds::request_seconds;
  std::vector<std::uint64_t> counts(all.size() + 1, 0);
  counts.front() = 1; // at most 0.001
  counts[8] = 2;      // above 0.16, at most 0.3
  counts.back() = 1;
  measured(e, "chat.request_duration_seconds", {all.begin(), all.end()}, counts, 8000.5);
  measured(e, "text_completion.request_duration_seconds", {all.begin(), all.end()}, counts, 0.25);
  measured(e, "chat.unavailable.request_duration_seconds", {1.5, 81.92}, {0, 4, 0}, 8);
  const auto text = text_of(report);
  CHECK(lines_of(text, "# TYPE vllm:") == "# TYPE vllm:e2e_request_latency_seconds histogram\n# TYPE vllm:request_success_total counter\n");
  CHECK(lines_of(text, "vllm:request_success_total") ==
        "vllm:request_success_total{finished_reason=\"abort\",model_name=\"m\",node=\"n\"} 1\nvllm:request_success_total{finished_reason=\"stop\",model_name=\"m\",node=\"n\"} 3\n");
  CHECK(lines_of(text, "vllm:e2e").starts_with("vllm:e2e_request_latency_seconds_bucket{model_name=\"m\",node=\"n\",le=\"0.3\"} 6\nvllm:e2e_request_latency_seconds_bucket{model_name=\"m\",node=\"n\",le=\"0.5\"} 6\n"));
  CHECK(lines_of(text, "vllm:e2e").ends_with(R"(vllm:e2e_request_latency_seconds_bucket{model_name="m",node="n",le="7680.0"} 6
vllm:e2e_request_latency_seconds_bucket{model_name="m",node="n",le="+Inf"} 8
vllm:e2e_request_latency_seconds_sum{model_name="m",node="n"} 8000.75
vllm:e2e_request_latency_seconds_count{model_name="m",node="n"} 8
)"));
  const std::string otel = "gen_ai_server_request_duration_seconds";
  const std::string chat = R"({gen_ai_operation_name="chat",gen_ai_provider_name="tokamak",gen_ai_request_model="m",node="n")";
  CHECK(lines_of(text, otel + "_bucket" + chat).starts_with(otel + "_bucket" + chat + ",le=\"0.01\"} 1\n"));
  CHECK(lines_of(text, otel + "_bucket" + chat + ",le=\"0.32\"}") == otel + "_bucket" + chat + ",le=\"0.32\"} 3\n");
  CHECK(lines_of(text, otel + "_bucket" + chat + ",le=\"+Inf\"}") == otel + "_bucket" + chat + ",le=\"+Inf\"} 4\n");
  const std::string lost = R"({error_type="unavailable",gen_ai_operation_name="chat",gen_ai_provider_name="tokamak",gen_ai_request_model="m",node="n")";
  CHECK(lines_of(text, otel + "_count" + lost) == otel + "_count" + lost + "} 4\n");
  CHECK(lines_of(text, otel + "_bucket" + lost + ",le=\"40.96\"}") == otel + "_bucket" + lost + ",le=\"40.96\"} 0\n");
  CHECK(lines_of(text, "tokamak_endpoint_request_duration_seconds_bucket{error=") == R"(tokamak_endpoint_request_duration_seconds_bucket{error="unavailable",name="m",node="n",operation="chat",le="1.5"} 0
tokamak_endpoint_request_duration_seconds_bucket{error="unavailable",name="m",node="n",operation="chat",le="81.92"} 4
tokamak_endpoint_request_duration_seconds_bucket{error="unavailable",name="m",node="n",operation="chat",le="+Inf"} 4
)");
}

TEST_CASE("the node at the other end of a link is a label, so that no two names become one") {
  wire::StatusReportT report;
  actor(report, "links", "a", {{"round_trip_us", 9}, {"b-1.round_trip_us", 7}, {"b_1.round_trip_us", 9}, {"b.c.up", 1}});
  CHECK(lines_of(text_of(report), "tokamak_") == R"(tokamak_links_peer_round_trip_us{name="a",node="n",peer="b-1"} 7
tokamak_links_peer_round_trip_us{name="a",node="n",peer="b_1"} 9
tokamak_links_peer_up{name="a",node="n",peer="b.c"} 1
tokamak_links_round_trip_us{name="a",node="n"} 9
)");
}

TEST_CASE("values of labels are escaped, names made valid, and no sample comes twice") {
  wire::StatusReportT report;
  actor(report, "shard", "a\"b\\c\nd", {{"what.a plugin-counts", 1}, {"what.a_plugin_counts", 2}});
  actor(report, "shard", "a\"b\\c\nd", {{"what.a plugin-counts", 3}});
  CHECK(text_of(report) == R"(# HELP tokamak_shard_what_a_plugin_counts What a plugin counts.
# TYPE tokamak_shard_what_a_plugin_counts untyped
tokamak_shard_what_a_plugin_counts{name="a\"b\\c\nd",node="n"} 1
)");
}

TEST_CASE("a report without anything, or with histograms that are none, gives no samples of them") {
  wire::StatusReportT report;
  CHECK(text_of(report) == "");
  auto& e = actor(report, "endpoint", "m", {});
  measured(e, "prompt_tokens", {1, 2}, {1, 2}, 3);
  measured(e, "of a newer node", {1}, {1, 2}, 3);
  CHECK(text_of(report) == "");
}
