// What can only be seen across tables: names, pools, addresses, and what is left over.
#include "topology/address.hpp"
#include "topology/draft.hpp"
#include "topology/spelling.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_set>

namespace tokamak::topology {
namespace {

using names = std::unordered_set<std::string_view>;

template <class T>
names names_of(const std::vector<T>& list) {
  names out;
  for (const auto& item : list) out.insert(item.name);
  return out;
}

template <class T>
void append_names(std::vector<std::string>& to, const std::vector<T>& list) {
  for (const auto& item : list) to.push_back(item.name);
}

std::string_view noun(reference::target to) {
  switch (to) {
    case reference::target::model: return "model";
    case reference::target::engine: return "engine";
    case reference::target::member: return "pool or endpoint";
    case reference::target::node: return "node";
  }
  return "name";
}

std::vector<std::string> candidates(const topology& t, reference::target to) {
  std::vector<std::string> out;
  switch (to) {
    case reference::target::model: append_names(out, t.models); break;
    case reference::target::engine: append_names(out, t.engines); break;
    case reference::target::node: append_names(out, t.nodes); break;
    case reference::target::member: {
      append_names(out, t.pools);
      const auto pools = names_of(t.pools);
      for (const auto& e : t.endpoints)
        if (!pools.contains(e.name)) out.push_back(e.name);
    }
  }
  return out;
}

void check_pool_models(draft& d) {
  std::map<std::string_view, const engine*> engines;
  for (const auto& e : d.result.engines) engines.emplace(e.name, &e);
  for (std::size_t p = 0; p < d.result.pools.size(); ++p) {
    const auto& members = d.result.pools[p].engines;
    for (std::size_t i = 1; i < members.size(); ++i) {
      const auto &first = *engines.at(members[0]), &other = *engines.at(members[i]);
      if (first.model == other.model) continue;
      d.found.error(d.pool_engine_places[p][i],
                    fmt::format("engine {} runs model {}, but {} of this pool runs {}; expected one model in a pool",
                                in_quotes(other.name), in_quotes(other.model), in_quotes(first.name), in_quotes(first.model)));
    }
  }
}

void check_addresses(draft& d) {
  std::map<std::string_view, const node*> links;
  for (const auto& n : d.result.nodes) {
    if (n.address.empty()) continue;
    const auto [other, fresh] = links.emplace(n.address, &n);
    if (!fresh)
      d.found.error(n.where, fmt::format("node {} has the address {} of node {}; expected its own", in_quotes(n.name),
                                         in_quotes(n.address), in_quotes(other->second->name)));
  }
  std::map<std::pair<std::string_view, std::string_view>, const frontend*> binds;
  for (const auto& f : d.result.frontends) {
    if (f.bind.ends_with(":0") || f.bind.ends_with(":*")) continue; // any free port
    const auto [other, fresh] = binds.emplace(std::pair<std::string_view, std::string_view>(f.node, f.bind), &f);
    if (!fresh)
      d.found.error(f.where, fmt::format("frontend {} binds {} like frontend {}; expected its own", in_quotes(f.name),
                                         in_quotes(f.bind), in_quotes(other->second->name)));
  }
}

// Between nodes either all links are encrypted or none; in the clear they stay on this machine unless the file insists.
void check_node_keys(draft& d) {
  const auto& nodes = d.result.nodes;
  if (nodes.size() < 2) return;
  const auto with = std::find_if(nodes.begin(), nodes.end(), [](const auto& n) { return !n.key_file.empty(); });
  for (const auto& n : nodes) {
    if (with != nodes.end() && n.key_file.empty())
      d.found.error(n.where, fmt::format("node {} has no key_file, but node {} has; expected one for each node, or for none", in_quotes(n.name), in_quotes(with->name)));
    else if (n.key_file.empty() && !n.insecure && !is_local(n.address))
      d.found.error(n.where, fmt::format("node {} has the address {}, where other machines can connect; expected key_file for each node, or insecure = true",
                                         in_quotes(n.name), in_quotes(n.address)));
  }
}

// Names that clients ask for: each must mean one endpoint. Clients of other services bring names such as
// "openai/gpt-4o:latest", so any printable characters are fine.
void check_aliases(draft& d) {
  std::map<std::string_view, const endpoint*> owners;
  for (const auto& e : d.result.endpoints) owners.emplace(e.name, &e);
  for (std::size_t i = 0; i < d.result.endpoints.size(); ++i) {
    const auto& e = d.result.endpoints[i];
    for (std::size_t a = 0; a < e.aliases.size(); ++a) {
      const auto& alias = e.aliases[a];
      const auto where = d.endpoint_alias_places[i][a];
      if (alias.empty() || alias.size() > 128 || std::any_of(alias.begin(), alias.end(), [](char c) { return c <= ' ' || c > '~'; }))
        d.found.error(where, fmt::format("bad alias {}; expected 1 to 128 printable characters without spaces", in_quotes(alias)));
      else if (const auto [other, fresh] = owners.emplace(alias, &e); !fresh)
        d.found.error(where, fmt::format("alias {} of endpoint {} is a name of endpoint {}; expected its own", in_quotes(alias),
                                         in_quotes(e.name), in_quotes(other->second->name)));
    }
  }
}

void warn_of_unused(draft& d) {
  const auto& t = d.result;
  names models, engines, pools;
  for (const auto& e : t.engines) models.insert(e.model);
  for (const auto& p : t.pools) engines.insert(p.engines.begin(), p.engines.end());
  for (const auto& e : t.endpoints) pools.insert(e.members.begin(), e.members.end());
  for (const auto& m : t.models)
    if (!models.contains(m.name)) d.found.warning(m.where, fmt::format("model {} is used by no engine", in_quotes(m.name)));
  for (const auto& e : t.engines)
    if (!engines.contains(e.name)) d.found.warning(e.where, fmt::format("engine {} is in no pool", in_quotes(e.name)));
  for (const auto& p : t.pools)
    if (!pools.contains(p.name)) d.found.warning(p.where, fmt::format("pool {} is in no endpoint", in_quotes(p.name)));
}

} // namespace

void check_references(draft& d) {
  const auto &t = d.result;
  const names models = names_of(t.models), engines = names_of(t.engines), nodes = names_of(t.nodes);
  names members = names_of(t.pools);
  members.merge(names_of(t.endpoints));
  for (const auto& r : d.references) {
    const auto& known = r.to == reference::target::model    ? models
                        : r.to == reference::target::engine ? engines
                        : r.to == reference::target::node   ? nodes
                                                            : members;
    if (known.contains(r.name)) continue;
    auto message = d.found.full() ? std::string{} : unknown(noun(r.to), r.name, candidates(t, r.to), "defined");
    d.found.error(r.where, errc::not_found, std::move(message));
  }
}

void check_structure(draft& d) {
  check_pool_models(d);
  check_addresses(d);
  check_node_keys(d);
  check_aliases(d);
  warn_of_unused(d);
}

} // namespace tokamak::topology
