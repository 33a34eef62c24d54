// The flags with which commands connect to a service that wants keys.
#pragma once

#include <CLI/CLI.hpp>
#include <tokamak/client.hpp>

namespace tokamak::app {

inline void add_key_flags(CLI::App& command, client_options& into) {
  command.add_option("--key", into.key_file, "Own secret key, as `tokamak keygen` makes it; for services that want keys");
  command.add_option("--server-key", into.server_key_file, "The service's public key; needed with --key");
}

} // namespace tokamak::app
