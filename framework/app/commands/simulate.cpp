// `tokamak simulate`: a topology under a virtual clock, with clients that were made up or recorded.
#include "app/commands/commands.hpp"
#include "app/complain.hpp"
#include "app/loaded_topology.hpp"
#include "app/simulation/costs.hpp"
#include "app/simulation/simulation.hpp"
#include "app/simulation/trace.hpp"
#include "base/log.hpp"
#include "message/actor_clock.hpp"

#include <cstdio>

namespace tokamak::app {
namespace {

struct simulate_options {
  std::string topology, trace, costs, prompt_tokens = "128", max_tokens = "128";
  std::vector<std::string> endpoints;
  double rate = 0, seconds = 60, price = 0;
  std::uint32_t prefixes = 0, prefix_tokens = 0;
  std::uint64_t seed = 1;
  goodput_limits limits;
  bool json = false;
};

int refuse(const error& e) {
  complain(e);
  return 2;
}

/// Endpoints that made-up requests go to: those named, else the file's first.
expected<std::vector<std::string>> endpoints_of(const simulate_options& o, const topology::topology& t) {
  for (const auto& name : o.endpoints)
    if (!t.find_endpoint(name)) return fail(errc::not_found, fmt::format("no endpoint '{}' in {}", name, t.file));
  if (!o.endpoints.empty()) return o.endpoints;
  return std::vector{t.endpoints.front().name};
}

expected<load> load_of(const simulate_options& o, const topology::topology& t) {
  if (!o.trace.empty()) {
    std::vector<std::string> all;
    for (const auto& e : t.endpoints) all.push_back(e.name);
    return read_trace(o.trace, std::move(all), o.seed);
  }
  auto endpoints = endpoints_of(o, t);
  if (!endpoints) return fail(endpoints.error());
  const auto prompt = length_distribution::parse(o.prompt_tokens), answer = length_distribution::parse(o.max_tokens);
  if (!prompt) return fail(errc::invalid_argument, "--prompt-tokens: " + prompt.error().message);
  if (!answer) return fail(errc::invalid_argument, "--max-tokens: " + answer.error().message);
  return make_load({o.rate, o.seconds, *prompt, *answer, o.prefixes, o.prefix_tokens, o.seed}, std::move(*endpoints));
}

int simulate(const simulate_options& o) {
  if (o.trace.empty() == (o.rate == 0)) return refuse({errc::invalid_argument, "expected either --poisson RATE or --trace FILE", {}});
  auto loaded = load_topology_or_complain(o.topology);
  if (!loaded) return 2;
  log::set_level(log::level::error);
  std::optional<cost_file> costs;
  if (!o.costs.empty()) {
    auto read = cost_file::read(o.costs, loaded->registry);
    if (!read) return refuse(read.error());
    costs = std::move(*read);
  }
  if (auto ok = simulate_backends(loaded->topology, costs ? &*costs : nullptr); !ok) return refuse(ok.error());
  auto planned = load_of(o, loaded->topology);
  if (!planned) return refuse(planned.error());
  const auto begin_us = real_us();
  const auto summary = app::simulate(loaded->topology, loaded->registry,
                                     {std::move(*planned), o.limits, o.price > 0 ? std::optional(o.price) : std::nullopt});
  if (!summary) return complain(summary.error());
  const double took_s = static_cast<double>(real_us() - begin_us) / 1e6;
  std::fputs(o.json ? (summary->json() + "\n").c_str() : summary->text().c_str(), stdout);
  std::fflush(stdout);
  std::fprintf(stderr, "tokamak: simulated %.1f s of %zu engines in %.1f s\n", summary->seconds, summary->engines, took_s);
  return 0;
}

} // namespace

void add_simulate(CLI::App& app, command& chosen) {
  auto o = std::make_shared<simulate_options>();
  auto* sub = app.add_subcommand("simulate", "Run a topology under a virtual clock with simulated backends and clients; the same seed prints the same");
  const auto positive = CLI::Range(1e-9, 1e9);
  sub->add_option("topology", o->topology, "Topology file (TOML)")->required();
  auto* poisson = sub->add_option("--poisson", o->rate, "Requests a second, arriving independently of each other")->check(positive);
  sub->add_option("--seconds", o->seconds, "How long they arrive; the simulation ends with the last answer")->capture_default_str()->check(CLI::Range(0.0, 1e9));
  sub->add_option("--trace", o->trace, "Requests of a file instead, one JSON object a line")->excludes(poisson);
  sub->add_option("--cost", o->costs, "Cost models (TOML) of engines that do not name the backend 'simulated'");
  sub->add_option("--prompt-tokens", o->prompt_tokens, "Tokens of each prompt: 128, 16-512 or exp:128")->capture_default_str();
  sub->add_option("--max-tokens", o->max_tokens, "Tokens of each answer, in the same way")->capture_default_str();
  sub->add_option("--prefixes", o->prefixes, "Prompts begin with one of so many prefixes, each as likely; 0: none")->capture_default_str();
  sub->add_option("--prefix-tokens", o->prefix_tokens, "Tokens of these prefixes")->capture_default_str();
  sub->add_option("--endpoint", o->endpoints, "Which endpoints to ask, each as likely; default: the file's first");
  sub->add_option("--seed", o->seed, "Of all that is random")->capture_default_str();
  sub->add_option("--ttft-limit-ms", o->limits.ttft_ms, "Goodput: most time to the first token")->check(positive);
  sub->add_option("--tpot-limit-ms", o->limits.tpot_ms, "Goodput: most time per output token after the first")->check(positive);
  sub->add_option("--price-per-engine-hour", o->price, "For the cost of a million output tokens")->check(positive);
  sub->add_flag("--json", o->json, "One line of JSON");
  sub->callback([o, &chosen] { chosen = [o] { return simulate(*o); }; });
}

} // namespace tokamak::app
