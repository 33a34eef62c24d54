// `tokamak serve`: runs a node until SIGTERM, SIGINT or a client's `tokamak drain`, then drains.
#include "app/commands/commands.hpp"
#include "app/complain.hpp"
#include "app/loaded_topology.hpp"
#include "app/node_processes.hpp"
#include "app/service.hpp"
#include "app/shutdown_signals.hpp"
#include "base/log.hpp"

#include <cstdio>

namespace tokamak::app {
namespace {

struct serve_options {
  std::string topology;
  std::string node;
  bool all = false;
};

// Once here, so that what is wrong with the file is told once and not by every node.
int serve_all(const serve_options& options) {
  auto loaded = load_topology_or_complain(options.topology);
  if (!loaded) return 2;
  return run_all_nodes("/proc/self/exe", loaded->topology);
}

void set_up_log(const topology::operations& operations) {
  const auto& name = operations.log_level;
  log::set_level(name == "debug" ? log::level::debug : name == "warning" ? log::level::warning : name == "error" ? log::level::error : log::level::info);
  if (!operations.log_file.empty() && !log::set_file(operations.log_file))
    log::warning("serve", "log_file.unwritable", {{"file", operations.log_file}});
}

int serve(const serve_options& options) {
  shutdown_signals signals; // before any thread exists
  auto loaded = load_topology_or_complain(options.topology);
  if (!loaded) return 2;
  set_up_log(loaded->topology.operations);
  actor_runtime runtime;
  service_options start;
  start.node = options.node;
  start.leave = [&] { signals.ask(); };
  auto running = service::start(runtime.system(), loaded->topology, loaded->registry, start);
  if (!running) return complain(running.error());
  signals.serving();
  log::info("serve", "ready", {{"topology", options.topology}, {"node", (*running)->name()}, {"digest", loaded->topology.digest.substr(0, 12)}});
  const auto signal = signals.wait();
  const auto deadline_ms = loaded->topology.operations.drain_deadline_ms;
  log::info("serve", "draining", {{"because", signal != 0 ? fmt::format("signal {}", signal) : "a client asked"}, {"deadline_ms", deadline_ms}});
  const bool drained = (*running)->drain(deadline_ms);
  log::info("serve", drained ? "drained" : "drain.cut");
  return 0;
}

} // namespace

void add_serve(CLI::App& app, command& chosen) {
  auto options = std::make_shared<serve_options>();
  auto* sub = app.add_subcommand("serve", "Run a node of a topology until SIGTERM, SIGINT or `tokamak drain`, then let running requests finish; "
                                          "a second signal ends it at once");
  sub->add_option("topology", options->topology, "Topology file (TOML)")->required();
  auto* node = sub->add_option("--node", options->node, "Which node of the topology this process is; needed where it has several");
  sub->add_flag("--all", options->all, "Every node, each as a process of this machine")->excludes(node);
  sub->callback([options, &chosen] { chosen = [options] { return options->all ? serve_all(*options) : serve(*options); }; });
}

} // namespace tokamak::app
