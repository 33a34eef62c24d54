// `tokamak drain`: takes a node out of a running service.
#include "app/commands/commands.hpp"
#include "app/key_flags.hpp"

#include <tokamak/client.hpp>

#include <cinttypes>
#include <cstdio>

namespace tokamak::app {
namespace {

struct drain_options {
  std::string address = "tcp://127.0.0.1:7100";
  std::string node;
  client_options connection;
};

int drain(const drain_options& o) {
  auto connected = client::connect(o.address, o.connection);
  if (!connected) {
    std::fprintf(stderr, "tokamak: %s\n", connected.error().to_string().c_str());
    return 1;
  }
  const auto done = connected->drain(o.node);
  if (!done) {
    std::fprintf(stderr, "tokamak: %s\n", done.error().to_string().c_str());
    return 1;
  }
  std::printf("node %s drained in %.1f s; requests: %" PRIu64 " finished, %" PRIu64 " moved to other engines, %" PRIu64 " cut\n", done->node.c_str(),
              static_cast<double>(done->took.count()) / 1e6, done->finished, done->moved, done->cut);
  return 0;
}

} // namespace

void add_drain(CLI::App& app, command& chosen) {
  auto o = std::make_shared<drain_options>();
  auto* sub = app.add_subcommand("drain", "Take a node out of a running service: it takes no new work, finishes what it runs, and ends; waits for that");
  sub->add_option("node", o->node, "Which node")->required();
  sub->add_option("--connect", o->address, "Address of the service, at any of its nodes")->capture_default_str();
  add_key_flags(*sub, o->connection);
  sub->callback([o, &chosen] { chosen = [o] { return drain(*o); }; });
}

} // namespace tokamak::app
