// Sums, percentiles, and two ways to write them.
#include "app/simulation/summary.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace tokamak::app {
namespace {

constexpr std::array token_kinds{"computed", "cached", "recomputed", "delivered", "discarded"};

double per_million(const simulation_summary& s) {
  const double hours = static_cast<double>(s.engines) * s.seconds / 3600;
  return s.output_tokens > 0 ? *s.price * hours / (static_cast<double>(s.output_tokens) / 1e6) : 0;
}

double ratio(double a, double b) { return b > 0 ? a / b : 0; }

void read_actors(const wire::StatusReport& report, simulation_summary& s) {
  double busy_us = 0;
  std::map<std::string, double> shards; // an engine is busy while its busiest shard is
  for (const auto* actor : *report.actors()) {
    const auto kind = actor->kind()->str();
    for (const auto* counter : *actor->counters()) {
      const auto name = counter->name()->str();
      if (kind == "shard" && name == "busy_us") {
        const auto engine = actor->name()->str();
        auto& most = shards[engine.substr(0, engine.rfind('.'))];
        most = std::max(most, counter->value());
      }
      if (kind == "scheduler" && name == "preempted") s.preempted += static_cast<std::uint64_t>(counter->value());
      for (std::size_t k = 0; kind == "ledger" && k < token_kinds.size(); ++k)
        if (name == std::string("tokens_") + token_kinds[k]) s.tokens[k] += static_cast<std::uint64_t>(counter->value());
    }
  }
  for (const auto& [engine, us] : shards) busy_us += us;
  s.busy_seconds = busy_us / 1e6;
}

} // namespace

quantiles quantiles_of(std::vector<double> values) {
  quantiles q;
  q.count = values.size();
  if (values.empty()) return q;
  std::sort(values.begin(), values.end());
  q.mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  constexpr std::array parts{0.5, 0.9, 0.99};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto rank = static_cast<std::size_t>(std::ceil(parts[i] * static_cast<double>(values.size())));
    q.p50_p90_p99[i] = values[rank - 1];
  }
  return q;
}

simulation_summary summarize(const load& planned, const client_record& record, std::uint64_t begin_us, std::size_t engines,
                             const goodput_limits& limits, std::optional<double> price) {
  simulation_summary s;
  s.seed = planned.seed;
  s.requests = record.requests.size();
  s.first_failure = record.first_failure;
  s.engines = engines;
  s.limits = limits;
  s.price = price;
  std::vector<double> ttft, tpot;
  std::uint64_t last_us = begin_us;
  for (const auto& r : record.requests) {
    last_us = std::max(last_us, r.end_us);
    s.output_tokens += r.tokens;
    if (r.failed) {
      ++(r.code == errc::overloaded ? s.refused : s.failed);
      continue;
    }
    if (r.end_us == 0) continue;
    ++s.finished;
    if (r.first_us == 0) continue;
    const double first_ms = static_cast<double>(r.first_us - r.sent_us) / 1000;
    const double each_ms = r.tokens > 1 ? static_cast<double>(r.last_us - r.first_us) / 1000 / (r.tokens - 1) : 0;
    ttft.push_back(first_ms);
    if (r.tokens > 1) tpot.push_back(each_ms);
    s.good += (limits.ttft_ms <= 0 || first_ms <= limits.ttft_ms) && (limits.tpot_ms <= 0 || each_ms <= limits.tpot_ms);
  }
  s.seconds = static_cast<double>(last_us - begin_us) / 1e6;
  s.ttft_ms = quantiles_of(std::move(ttft));
  s.tpot_ms = quantiles_of(std::move(tpot));
  if (record.report && record.report->actors()) read_actors(*record.report, s);
  return s;
}

std::string simulation_summary::text() const {
  std::string out;
  const auto line = [&](const char* name, std::string text) { out += fmt::format("{:<10} {}\n", name, text); };
  const auto spread = [](const quantiles& q) {
    if (q.count == 0) return std::string("none");
    return fmt::format("p50 {:.2f} ms, p90 {:.2f} ms, p99 {:.2f} ms, mean {:.2f} ms", q.p50_p90_p99[0], q.p50_p90_p99[1],
                       q.p50_p90_p99[2], q.mean);
  };
  line("seed", fmt::format("{}", seed));
  line("requests", fmt::format("{}: {} finished, {} failed, {} refused", requests, finished, failed, refused));
  if (!first_failure.empty()) line("", fmt::format("first failure: {}", first_failure));
  line("time", fmt::format("{:.3f} s from the clients' beginning to the last end", seconds));
  line("rate", fmt::format("{:.1f} output tokens/s, {:.3f} requests/s", ratio(static_cast<double>(output_tokens), seconds),
                           ratio(static_cast<double>(finished), seconds)));
  line("TTFT", spread(ttft_ms));
  line("TPOT", spread(tpot_ms));
  std::string within;
  if (limits.ttft_ms > 0) within += fmt::format(", TTFT at most {:g} ms", limits.ttft_ms);
  if (limits.tpot_ms > 0) within += fmt::format(", TPOT at most {:g} ms", limits.tpot_ms);
  line("goodput", fmt::format("{:.3f} requests/s, {:.1f} % of all{}", ratio(static_cast<double>(good), seconds),
                              100 * ratio(static_cast<double>(good), static_cast<double>(requests)), within.empty() ? ", no limits" : within));
  std::string kinds;
  for (std::size_t k = 0; k < tokens.size(); ++k) kinds += fmt::format("{}{} {}", k > 0 ? ", " : "", token_kinds[k], tokens[k]);
  line("tokens", kinds);
  const double had = static_cast<double>(engines) * seconds;
  line("engines", fmt::format("{}: busy {:.3f} of {:.3f} engine-seconds ({:.1f} %), {} preemptions", engines, busy_seconds, had,
                              100 * ratio(busy_seconds, had), preempted));
  if (price) line("cost", fmt::format("{:.4f} per million output tokens, {:g} an engine and hour", per_million(*this), *price));
  return out;
}

std::string simulation_summary::json() const {
  const auto spread = [](const quantiles& q) {
    return nlohmann::ordered_json{{"p50", q.p50_p90_p99[0]}, {"p90", q.p50_p90_p99[1]}, {"p99", q.p50_p90_p99[2]}, {"mean", q.mean}};
  };
  nlohmann::ordered_json out{{"seed", seed}, {"requests", requests}, {"finished", finished}, {"failed", failed}, {"refused", refused},
                             {"seconds", seconds}, {"output_tokens", output_tokens},
                             {"output_tokens_per_s", ratio(static_cast<double>(output_tokens), seconds)},
                             {"requests_per_s", ratio(static_cast<double>(finished), seconds)},
                             {"ttft_ms", spread(ttft_ms)}, {"tpot_ms", spread(tpot_ms)},
                             {"ttft_limit_ms", limits.ttft_ms}, {"tpot_limit_ms", limits.tpot_ms}, {"good", good},
                             {"goodput_per_s", ratio(static_cast<double>(good), seconds)}};
  if (!first_failure.empty()) out["first_failure"] = first_failure;
  for (std::size_t k = 0; k < tokens.size(); ++k) out["tokens"][token_kinds[k]] = tokens[k];
  out["engines"] = engines;
  out["busy_seconds"] = busy_seconds;
  out["engine_seconds"] = static_cast<double>(engines) * seconds;
  out["preempted"] = preempted;
  if (price) out["price_per_million_tokens"] = per_million(*this);
  return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace tokamak::app
