// `tokamak status`: what the nodes of a running service are doing, as text or JSON.
#include "app/commands/commands.hpp"
#include "app/key_flags.hpp"
#include "base/histogram.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <tokamak/client.hpp>

#include <cstdio>
#include <numeric>

namespace tokamak::app {
namespace {

void print_node(const client_status& s, const client_node_status& n) {
  if (!n.problem.empty()) {
    std::printf("node %s: %s\n", n.name.c_str(), n.problem.c_str());
    return;
  }
  std::printf("node %s, tokamak %s, topology %.12s, up %.0f s%s\n", n.name.c_str(), n.version.c_str(), s.topology_digest.c_str(),
              static_cast<double>(n.uptime.count()) / 1e6, n.draining ? ", draining" : "");
}

// Times in milliseconds: "p50 12.3 ms, p99 45.6 ms, of 78".
void print_histogram(const client_histogram& h) {
  const auto n = std::accumulate(h.counts.begin(), h.counts.end(), std::uint64_t{0});
  if (n == 0) return;
  constexpr std::string_view seconds = "_seconds";
  const bool time = std::string_view(h.name).ends_with(seconds);
  const auto name = time ? h.name.substr(0, h.name.size() - seconds.size()) : h.name;
  const auto at = [&](double q) { return fmt::format("{:.4g}{}", quantile(h.bounds, h.counts, q) * (time ? 1e3 : 1), time ? " ms" : ""); };
  fmt::print("  {:<38} p50 {}, p99 {}, of {}\n", name, at(0.5), at(0.99), n);
}

void print_text(const client_status& s) {
  for (const auto& node : s.nodes) print_node(s, node);
  const bool several = s.nodes.size() > 1;
  for (const auto& actor : s.actors) {
    std::printf("\n%s%s%s %s\n", several ? actor.node.c_str() : "", several ? ": " : "", actor.kind.c_str(), actor.name.c_str());
    for (const auto& counter : actor.counters) fmt::print("  {:<20} {}\n", counter.name, counter.value);
    for (const auto& h : actor.histograms) print_histogram(h);
  }
}

void print_json(const client_status& s) {
  nlohmann::ordered_json out{{"node", s.node}, {"version", s.version}, {"topology_digest", s.topology_digest},
                             {"uptime_us", s.uptime.count()}, {"nodes", nlohmann::ordered_json::array()}, {"actors", nlohmann::ordered_json::array()}};
  for (const auto& node : s.nodes)
    out["nodes"].push_back({{"name", node.name}, {"version", node.version}, {"uptime_us", node.uptime.count()}, {"draining", node.draining}, {"problem", node.problem}});
  for (const auto& actor : s.actors) {
    nlohmann::ordered_json counters = nlohmann::ordered_json::object();
    for (const auto& counter : actor.counters) counters[counter.name] = counter.value;
    auto& entry = out["actors"].emplace_back(nlohmann::ordered_json{{"node", actor.node}, {"kind", actor.kind}, {"name", actor.name}, {"counters", std::move(counters)}});
    for (const auto& h : actor.histograms) entry["histograms"][h.name] = {{"bounds", h.bounds}, {"counts", h.counts}, {"sum", h.sum}};
  }
  std::printf("%s\n", out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

int status(const std::string& address, const client_options& options, bool json) {
  auto connected = client::connect(address, options);
  if (!connected) {
    std::fprintf(stderr, "tokamak: %s\n", connected.error().to_string().c_str());
    return 1;
  }
  auto answer = connected->status();
  if (!answer) {
    std::fprintf(stderr, "tokamak: %s\n", answer.error().to_string().c_str());
    return 1;
  }
  json ? print_json(*answer) : print_text(*answer);
  return 0;
}

} // namespace

void add_status(CLI::App& app, command& chosen) {
  auto address = std::make_shared<std::string>("tcp://127.0.0.1:7100");
  auto options = std::make_shared<client_options>();
  auto json = std::make_shared<bool>(false);
  auto* sub = app.add_subcommand("status", "Actors, queues, requests, tokens by kind and memory of a running service, on all its nodes");
  sub->add_option("--connect", *address, "Address of the service, at any of its nodes")->capture_default_str();
  add_key_flags(*sub, *options);
  sub->add_flag("--json", *json, "As JSON");
  sub->callback([=, &chosen] { chosen = [=] { return status(*address, *options, *json); }; });
}

} // namespace tokamak::app
