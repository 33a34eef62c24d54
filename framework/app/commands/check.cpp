// `tokamak check`: reads and checks a topology, starts nothing, prints the graph.
#include "app/commands/commands.hpp"
#include "app/loaded_topology.hpp"

#include <cstdio>

namespace tokamak::app {

void add_check(CLI::App& app, command& chosen) {
  auto path = std::make_shared<std::string>();
  auto* sub = app.add_subcommand("check", "Check a topology without starting anything, and print its graph");
  sub->add_option("topology", *path, "Topology file (TOML)")->required();
  sub->callback([path, &chosen] {
    chosen = [path] {
      auto loaded = load_topology_or_complain(*path, true);
      if (!loaded) return 2;
      std::fputs(topology::describe(loaded->topology).c_str(), stdout);
      return 0;
    };
  });
}

} // namespace tokamak::app
