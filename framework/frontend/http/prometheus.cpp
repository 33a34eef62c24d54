// Which of an actor's numbers are what: under our own names all of them, under those of others what means the same.
#include "frontend/http/prometheus.hpp"

#include "frontend/http/prometheus_counters.hpp"
#include "message/measure_bounds.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace tokamak::frontend {
namespace {

namespace bounds = measure_bounds;
constexpr auto counter = metric_type::counter;
constexpr auto gauge = metric_type::gauge;

std::string_view text_of(const flatbuffers::String* text) { return text ? text->string_view() : std::string_view(); }

/// A number of vLLM's, from one of an actor's counters.
struct vllm_number {
  std::string_view from, name;
  metric_type type;
  std::string_view help;
  std::string_view reason = {}; ///< label finished_reason
};

constexpr vllm_number of_scheduler[] = {
    {"running", "vllm:num_requests_running", gauge, "Sequences in an engine's steps."},
    {"waiting", "vllm:num_requests_waiting", gauge, "Sequences that wait for an engine."},
    {"kv_cache_usage", "vllm:kv_cache_usage_perc", gauge, "Part of an engine's cache that sequences hold; 1 is all."},
    {"preempted", "vllm:num_preemptions_total", counter, "Sequences that gave their blocks up to others."},
    {"tokens_looked_up", "vllm:prefix_cache_queries_total", counter, "Tokens of prompts that the prefix cache was asked about."},
    {"tokens_cached", "vllm:prefix_cache_hits_total", counter, "Tokens of prompts that the prefix cache had."},
    {"tokens_cached", "vllm:prompt_tokens_cached_total", counter, "Tokens of prompts that the prefix cache had."},
    {"tokens_prompt", "vllm:prompt_tokens_total", counter, "Tokens of prompts whose first token came."},
    {"tokens_generated", "vllm:generation_tokens_total", counter, "Tokens sampled."},
};

constexpr std::string_view success = "Requests that ended, by reason.";
constexpr vllm_number of_endpoint[] = {
    {"finished_stop", "vllm:request_success_total", counter, success, "stop"},
    {"finished_length", "vllm:request_success_total", counter, success, "length"},
    {"cancelled", "vllm:request_success_total", counter, success, "abort"},
    {"failed", "vllm:request_success_total", counter, success, "error"},
};

/// A histogram of endpoints, and what others call it: vLLM, of requests that ended well, and OpenTelemetry, of all.
struct measure {
  std::string_view name, help;
  std::string_view vllm;
  std::span<const double> vllm_bounds;
  std::string_view otel = {};
  std::span<const double> otel_bounds = {};
};

constexpr measure measures[] = {
    {"time_to_first_token_seconds", "From a request to its first token.", "vllm:time_to_first_token_seconds", bounds::vllm_first_token, "gen_ai_server_time_to_first_token_seconds", bounds::otel_first_token},
    {"time_per_output_token_seconds", "Of a request, mean time of a token after the first.", "vllm:request_time_per_output_token_seconds", bounds::vllm_output_token,
     "gen_ai_server_time_per_output_token_seconds", bounds::otel_output_token},
    {"request_duration_seconds", "From a request to its end.", "vllm:e2e_request_latency_seconds", bounds::vllm_request, "gen_ai_server_request_duration_seconds", bounds::otel_request},
    {"inter_token_latency_seconds", "From one delivery of tokens to the next.", "vllm:inter_token_latency_seconds", bounds::vllm_output_token},
    {"queue_seconds", "Of a request, time before its first step.", "vllm:request_queue_time_seconds", bounds::vllm_request},
    {"prefill_seconds", "Of a request, time from its first step to its first token.", "vllm:request_prefill_time_seconds", bounds::vllm_request},
    {"decode_seconds", "Of a request, time from its first token to its last.", "vllm:request_decode_time_seconds", bounds::vllm_request},
    {"inference_seconds", "Of a request, time from its first step to its last token.", "vllm:request_inference_time_seconds", bounds::vllm_request},
    {"prompt_tokens", "Tokens of a request's prompt.", "vllm:request_prompt_tokens", bounds::tokens},
    {"completion_tokens", "Tokens of a request's answer.", "vllm:request_generation_tokens", bounds::tokens},
};

class exposition {
public:
  explicit exposition(const std::map<std::string, std::string>& models) : models_(models) {}

  void add(const wire::ActorStatus& actor) {
    name_ = text_of(actor.name());
    node_ = text_of(actor.node());
    kind_ = text_of(actor.kind());
    for (std::uint32_t i = 0; actor.counters() && i < actor.counters()->size(); ++i) {
      const auto& c = *actor.counters()->Get(i);
      own(text_of(c.name()), c.value());
      if (kind_ == "scheduler") of_engine(text_of(c.name()), c.value());
      if (kind_ == "endpoint") of_requests(text_of(c.name()), c.value());
    }
    if (kind_ == "scheduler") cache_config(actor);
    for (std::uint32_t i = 0; kind_ == "endpoint" && actor.histograms() && i < actor.histograms()->size(); ++i) measured(*actor.histograms()->Get(i));
  }

  std::string text() const { return families_.text(); }

private:
  static std::string valid(std::string name) {
    for (auto& c : name)
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
  }

  // Of a link's own counters, "NODE.up", the node is a label.
  void own(std::string_view counter_name, double value) {
    std::string_view kind = kind_, peer;
    if (const auto dot = counter_name.rfind('.'); kind_ == "links" && dot != std::string_view::npos) {
      kind = "links_peer";
      peer = counter_name.substr(0, dot);
      counter_name.remove_prefix(dot + 1);
    }
    const auto* meaning = meaning_of(kind, counter_name);
    const auto type = meaning ? meaning->type : metric_type::untyped;
    const auto name = valid(fmt::format("tokamak_{}_{}{}", kind, counter_name, type == counter ? "_total" : ""));
    families_.put(name, type, meaning ? meaning->help : "What a plugin counts.", labels_text({{"name", name_}, {"node", node_}, {"peer", peer}}), value);
  }

  // The label `engine` is the engine's name.
  std::string engine_labels() const {
    const auto model = models_.find(std::string(name_));
    return labels_text({{"engine", name_}, {"model_name", model != models_.end() ? std::string_view(model->second) : name_}, {"node", node_}});
  }

  void of_engine(std::string_view name, double value) {
    for (const auto& m : of_scheduler)
      if (m.from == name) families_.put(m.name, m.type, m.help, engine_labels(), value);
  }

  void of_requests(std::string_view name, double value) {
    for (const auto& m : of_endpoint)
      if (m.from == name) families_.put(m.name, m.type, m.help, labels_text({{"finished_reason", m.reason}, {"model_name", name_}, {"node", node_}}), value);
  }

  void cache_config(const wire::ActorStatus& actor) {
    std::string size, blocks;
    for (std::uint32_t i = 0; actor.counters() && i < actor.counters()->size(); ++i) {
      const auto& c = *actor.counters()->Get(i);
      if (text_of(c.name()) == "block_size") size = fmt::format("{}", c.value());
      if (text_of(c.name()) == "blocks_total") blocks = fmt::format("{}", c.value());
    }
    if (size.empty() || blocks.empty()) return;
    const auto labels = fmt::format("{},{}", labels_text({{"block_size", size}}), engine_labels());
    families_.put("vllm:cache_config_info", gauge, "Tokens of a block of an engine's cache, and its blocks, as labels.", fmt::format("{},{}", labels, labels_text({{"num_gpu_blocks", blocks}})), 1);
  }

  // "[OPERATION.[ERROR.]]NAME"
  void measured(const wire::Histogram& h) {
    auto name = text_of(h.name());
    std::string_view labels[2];
    for (auto& label : labels)
      if (const auto dot = name.find('.'); dot != std::string_view::npos) {
        label = name.substr(0, dot);
        name.remove_prefix(dot + 1);
      }
    const auto [operation, error] = labels;
    const auto* m = std::find_if(std::begin(measures), std::end(measures), [&](const measure& known) { return known.name == name; });
    if (m == std::end(measures)) return;
    families_.put(fmt::format("tokamak_endpoint_{}", name), m->help, labels_text({{"error", error}, {"name", name_}, {"node", node_}, {"operation", operation}}), h, {});
    if (error.empty()) families_.put(m->vllm, m->help, labels_text({{"model_name", name_}, {"node", node_}}), h, m->vllm_bounds);
    if (!m->otel.empty())
      families_.put(m->otel, m->help, labels_text({{"error_type", error}, {"gen_ai_operation_name", operation}, {"gen_ai_provider_name", "tokamak"}, {"gen_ai_request_model", name_}, {"node", node_}}), h,
                    m->otel_bounds);
  }

  const std::map<std::string, std::string>& models_;
  metric_families families_;
  std::string_view name_, node_, kind_; ///< of the actor
};

} // namespace

std::string prometheus_text(const wire::StatusReport& report, const std::map<std::string, std::string>& models) {
  exposition out(models);
  for (std::uint32_t i = 0; report.actors() && i < report.actors()->size(); ++i) out.add(*report.actors()->Get(i));
  return out.text();
}

} // namespace tokamak::frontend
