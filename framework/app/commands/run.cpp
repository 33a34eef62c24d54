// `tokamak run`: starts a topology without frontends, streams one answer to the terminal, stops.
#include "app/commands/commands.hpp"
#include "app/complain.hpp"
#include "app/loaded_topology.hpp"
#include "app/local_request.hpp"
#include "app/sampling_flags.hpp"
#include "app/service.hpp"
#include "base/log.hpp"

#include <cstdio>

namespace tokamak::app {
namespace {

struct run_options {
  std::string topology;
  std::string prompt;
  std::string endpoint;
  sampling_flags sampling;
};

wire::OpenT request_of(const run_options& o, std::uint64_t id) {
  wire::OpenT request;
  request.id = id;
  request.prompt = std::make_unique<wire::PromptT>();
  const auto add = [&](const char* role, const std::string& content) {
    auto m = std::make_unique<wire::MessageT>();
    m->role = role;
    m->content = content;
    request.prompt->messages.push_back(std::move(m));
  };
  if (o.sampling.raw) {
    request.prompt->text = o.prompt;
  } else {
    if (!o.sampling.system.empty()) add("system", o.sampling.system);
    add("user", o.prompt);
  }
  request.sampling = std::make_unique<wire::SamplingT>();
  request.sampling->temperature = o.sampling.temperature;
  request.sampling->top_k = o.sampling.top_k;
  request.sampling->top_p = o.sampling.top_p;
  request.sampling->min_p = o.sampling.min_p;
  if (o.sampling.seed) request.sampling->seed = *o.sampling.seed;
  request.stops = std::make_unique<wire::StopsT>();
  request.stops->strings = o.sampling.stop;
  request.generate = o.sampling.max_tokens;
  return request;
}

int run(const run_options& o) {
  auto loaded = load_topology_or_complain(o.topology);
  if (!loaded) return 2;
  log::set_level(log::level::warning);
  actor_runtime runtime;
  service_options start;
  start.with_frontends = false;
  auto running = service::start(runtime.system(), loaded->topology, loaded->registry, start);
  if (!running) return complain(running.error());
  const auto name = o.endpoint.empty() ? loaded->topology.endpoints.front().name : o.endpoint;
  const auto endpoint = (*running)->endpoint(name);
  if (!endpoint) {
    std::fprintf(stderr, "tokamak: no endpoint '%s' in %s\n", name.c_str(), o.topology.c_str());
    return 2;
  }
  const auto answer = ask_locally(runtime.system(), endpoint, request_of(o, (*running)->ids().next()), [](const wire::Chunk& c) {
    if (!c.text()) return;
    std::fwrite(c.text()->data(), 1, c.text()->size(), stdout);
    std::fflush(stdout);
  });
  std::fputc('\n', stdout);
  return answer.failure ? complain(*answer.failure) : 0;
}

} // namespace

void add_run(CLI::App& app, command& chosen) {
  auto o = std::make_shared<run_options>();
  auto* sub = app.add_subcommand("run", "Start a topology, stream the answer to one prompt, stop");
  sub->add_option("topology", o->topology, "Topology file (TOML)")->required();
  sub->add_option("prompt", o->prompt, "What to ask")->required();
  sub->add_option("--endpoint", o->endpoint, "Which endpoint to ask; default: the file's first");
  add_sampling_flags(*sub, o->sampling);
  sub->callback([o, &chosen] { chosen = [o] { return run(*o); }; });
}

} // namespace tokamak::app
