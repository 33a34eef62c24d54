// The subcommands of `tokamak`: each adds itself to the command line and runs when chosen, returning the exit status.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace tokamak::app {

/// What main runs after parsing. 0: success, 1: failure, 2: bad usage or topology.
using command = std::function<int()>;

void add_serve(CLI::App& app, command& chosen);
void add_check(CLI::App& app, command& chosen);
void add_plugins(CLI::App& app, command& chosen);
void add_run(CLI::App& app, command& chosen);
void add_ask(CLI::App& app, command& chosen);
void add_status(CLI::App& app, command& chosen);
void add_drain(CLI::App& app, command& chosen);
void add_bench(CLI::App& app, command& chosen);
void add_score(CLI::App& app, command& chosen);
void add_keygen(CLI::App& app, command& chosen);
void add_inspect(CLI::App& app, command& chosen);
void add_simulate(CLI::App& app, command& chosen);
void add_tokenize(CLI::App& app, command& chosen);
void add_template(CLI::App& app, command& chosen);

} // namespace tokamak::app
