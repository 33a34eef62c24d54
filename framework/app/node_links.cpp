// Peers, addresses and keys.
#include "app/node_links.hpp"

#include "app/file_place.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <random>

namespace tokamak::app {
namespace {

bool has_frontend(const topology::topology& t, const std::string& node) {
  return std::any_of(t.frontends.begin(), t.frontends.end(), [&](const auto& f) { return f.node == node; });
}

bool runs_part(const topology::engine& e, const std::string& node) {
  return e.node == node || std::find(e.shards.nodes.begin(), e.shards.nodes.end(), node) != e.shards.nodes.end();
}

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

} // namespace

bool linked(const topology::topology& t, const std::string& a, const std::string& b) {
  if (a == b) return false;
  const bool share = std::any_of(t.engines.begin(), t.engines.end(), [&](const auto& e) { return runs_part(e, a) && runs_part(e, b); });
  return share || has_frontend(t, a) || has_frontend(t, b);
}

expected<network::links_setup> links_of(const topology::topology& t, const std::string& node) {
  network::links_setup setup;
  setup.own = {node, t.digest, random_number(), {"load"}};
  setup.limits.heartbeat_us = std::uint64_t{t.operations.heartbeat_ms} * 1000;
  const auto& own = *t.find_node(node);
  const bool keys = !own.key_file.empty();
  if (keys) {
    auto pair = network::read_secret_key(own.key_file);
    if (!pair) return fail(at_place(t.file, own.where, std::move(pair.error())));
    setup.keys = network::link_keys{std::move(*pair), {}};
  }
  bool before = true; // in the file
  for (const auto& n : t.nodes) {
    if (n.name == node) before = false;
    if (!linked(t, node, n.name)) continue;
    network::link_peer peer{n.name, before ? n.address : "", ""};
    for (const auto& l : t.links) {
      const bool this_one = l.nodes.size() == 2 && ((l.nodes[0] == node && l.nodes[1] == n.name) || (l.nodes[1] == node && l.nodes[0] == n.name));
      if (this_one)
        peer.line = {std::uint64_t{l.bandwidth_kbit} * 125, std::uint64_t{l.delay_ms} * 1000, std::uint64_t{l.jitter_ms} * 1000,
                     std::uint64_t{l.outage_every_ms} * 1000, std::uint64_t{l.outage_ms} * 1000};
    }
    if (!before) setup.bind = own.address;
    if (keys) {
      auto key = network::read_public_key(n.public_key_file);
      if (!key) return fail(at_place(t.file, n.where, std::move(key.error())));
      peer.public_key = *key;
      setup.keys->peers.emplace(std::move(*key), n.name);
    }
    setup.peers.push_back(std::move(peer));
  }
  if (!keys && !setup.peers.empty() && own.insecure)
    log::warning("links", "insecure", {{"node", node}, {"address", own.address}, {"peers", "anybody, in the clear"}});
  return setup;
}

} // namespace tokamak::app
