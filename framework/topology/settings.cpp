// The tables around the models: nodes, links, [plugins] and [operations], and the keys that several tables share.
#include "topology/address.hpp"
#include "topology/draft.hpp"
#include "topology/paths.hpp"
#include "topology/spelling.hpp"

#include <fmt/ranges.h>

namespace tokamak::topology {
namespace {

constexpr std::uint64_t day_ms = 86'400'000;

} // namespace

std::string expanded(draft& d, const std::string& text, position where) {
  auto path = expand_path(text, d.folder);
  if (path) return std::move(*path);
  d.found.error(where, path.error().code, path.error().message);
  return {};
}

void require_path(draft& d, const std::string& path, position where, path_kind kind, std::string_view expected) {
  if (path.empty()) return;
  if (const auto problem = path_problem(path, kind); !problem.empty())
    d.found.error(where, errc::not_found, fmt::format("{}; expected {}", problem, expected));
}

namespace {

void read_pins(draft& d, const value::table& pins) {
  for (const auto& e : pins) {
    plugin_pin pin{e.key, "", e.where};
    const auto* text = e.content.as<std::string>();
    if (text) pin.sha256 = parse_sha256(*text);
    if (e.key.empty() || e.key.find('/') != std::string::npos)
      d.found.error(e.where, fmt::format("{} is pinned; expected a file name without a folder", in_quotes(e.key)));
    if (pin.sha256.empty())
      d.found.error(e.content.where, fmt::format("pin of {} is {}; expected 64 hexadecimal digits", in_quotes(e.key),
                                                 text ? in_quotes(*text) : std::string(type_name(e.content))));
    d.result.plugin_pins.push_back(std::move(pin));
  }
}

} // namespace

void read_node_key(draft& d, table_reader& in, std::string& into) {
  into = d.result.nodes.front().name;
  if (const auto* v = in.text("node", into)) {
    d.references.push_back({reference::target::node, into, v->where});
  } else if (!in.find("node") && d.result.nodes.size() > 1) {
    in.missing("node", "the name of a node, since the file has several");
  }
}

position read_path_key(draft& d, table_reader& in, std::string_view key, std::string& into, std::string_view expected) {
  std::string text;
  const auto* v = in.text(key, text);
  if (!v) return {};
  into = expanded(d, text, v->where);
  require_path(d, into, v->where, path_kind::file, expected);
  return v->where;
}

// The public key is named by the secret one: NAME.key and NAME.pub, as `tokamak keygen` writes them. Only the node itself has
// the first, all have the second.
void read_node_keys(draft& d, table_reader& in, node& n) {
  std::string text;
  if (const auto* v = in.text("key_file", text)) {
    n.key_file = expanded(d, text, v->where);
    if (!n.key_file.empty() && !n.key_file.ends_with(".key"))
      d.found.error(v->where, fmt::format("key_file is {}; expected NAME.key, with NAME.pub beside it", in_quotes(text)));
    else if (!n.key_file.empty()) {
      n.public_key_file = n.key_file.substr(0, n.key_file.size() - 4) + ".pub";
      require_path(d, n.public_key_file, v->where, path_kind::file, "the public key of the node, as `tokamak keygen` makes it");
    }
  }
  in.boolean("insecure", n.insecure);
}

void read_nodes(draft& d, const value::table& table) {
  for_each_table(d, "nodes", table, [&](table_reader& in, const std::string& name) {
    node n;
    n.name = name;
    n.where = in.where();
    if (const auto* v = in.text("address", n.address)) {
      if (const auto problem = link_problem(n.address); !problem.empty()) d.found.error(v->where, "address " + problem);
    } else if (!in.find("address") && table.size() > 1) {
      in.missing("address", "address = \"tcp://HOST:PORT\", since the file has several nodes");
    }
    read_node_keys(d, in, n);
    in.planned({"links", "discovery", "recording"});
    d.result.nodes.push_back(std::move(n));
  });
}

void read_links(draft& d, const value::table& table) {
  for_each_table(d, "links", table, [&](table_reader& in, const std::string& name) {
    link l;
    l.name = name;
    l.where = in.where();
    std::vector<position> places;
    const auto* v = in.texts("nodes", l.nodes, places);
    for (std::size_t i = 0; i < l.nodes.size(); ++i) d.references.push_back({reference::target::node, l.nodes[i], places[i]});
    if (!in.find("nodes")) in.missing("nodes", "the names of the two nodes that it connects");
    else if (v && (l.nodes.size() != 2 || l.nodes[0] == l.nodes[1]))
      d.found.error(v->where, fmt::format("nodes of [links.{}] are {}; expected two different ones", name, l.nodes.empty() ? "none" : in_quotes(fmt::format("{}", fmt::join(l.nodes, ", ")))));
    in.number("bandwidth_kbit", l.bandwidth_kbit, 1);
    in.number("delay_ms", l.delay_ms, 0, 60'000);
    in.number("jitter_ms", l.jitter_ms, 0, 60'000);
    in.number("outage_every_ms", l.outage_every_ms, 0, day_ms);
    const auto* outage = in.number("outage_ms", l.outage_ms, 0, day_ms);
    if (outage && l.outage_ms > 0 && l.outage_ms >= l.outage_every_ms)
      d.found.error(outage->where, fmt::format("outage_ms is {} of every {}; expected less than outage_every_ms", l.outage_ms, l.outage_every_ms));
    d.result.links.push_back(std::move(l));
  });
}

void read_plugins_table(draft& d, const value::table& table, position where) {
  table_reader in(table, where, "[plugins]", d.found);
  std::vector<std::string> paths;
  std::vector<position> places;
  in.texts("paths", paths, places);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    auto path = expanded(d, paths[i], places[i]);
    require_path(d, path, places[i], path_kind::any, "a plugin or a folder of plugins");
    if (path.empty()) continue;
    d.result.plugin_paths.push_back(std::move(path));
    d.plugin_path_places.push_back(places[i]);
  }
  if (const auto* pins = in.table("pins")) read_pins(d, *pins);
  in.finish();
}

void read_operations(draft& d, const value::table& table, position where) {
  auto& o = d.result.operations;
  table_reader in(table, where, "[operations]", d.found);
  in.one_of("log_level", o.log_level, {"debug", "info", "warning", "error"});
  std::string log_file;
  if (const auto* v = in.text("log_file", log_file)) {
    o.log_file = expanded(d, log_file, v->where);
    const auto folder = std::filesystem::path(o.log_file).parent_path().string();
    require_path(d, folder, v->where, path_kind::folder, "a folder for the log file");
  }
  in.number("default_deadline_ms", o.default_deadline_ms, 0, day_ms);
  in.number("sequence_lease_ms", o.sequence_lease_ms, 100, day_ms);
  in.number("drain_deadline_ms", o.drain_deadline_ms, 0, day_ms);
  in.number("heartbeat_ms", o.heartbeat_ms, 20, 60'000);
  in.planned({"tenants", "quotas", "prices", "ledger", "metrics", "admission", "recording"});
  in.finish();
}

} // namespace tokamak::topology
