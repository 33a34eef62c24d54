// The things that a file need not mention: from models to engines, pools, endpoints, a frontend and a node.
#include "topology/draft.hpp"
#include "topology/plugin_slot.hpp"

#include <map>

namespace tokamak::topology {

void fill_in_nodes(draft& d) {
  if (d.result.nodes.empty()) {
    node n;
    n.name = "local";
    d.result.nodes.push_back(std::move(n));
  }
}

void fill_in_engines(draft& d) {
  const auto& nodes = d.result.nodes;
  if (nodes.size() > 1 && !d.result.models.empty())
    d.found.error(d.result.models.front().where,
                  fmt::format("no engines for {} nodes; expected [engines.NAME] with model and node", nodes.size()));
  for (const auto& m : d.result.models) {
    engine e;
    e.name = m.name;
    e.model = m.name;
    e.node = nodes.front().name;
    e.shards.nodes = {e.node};
    e.backend = default_slot(d, slot::backend, "cpu", m.where);
    e.scheduler = default_slot(d, slot::scheduler, "continuous", m.where);
    e.cache = default_slot(d, slot::cache, "radix", m.where);
    e.graph_passes = {default_slot(d, slot::graph_pass, "operator_fusion", m.where)};
    e.constraints = {default_slot(d, slot::constraint, "json_schema", m.where)};
    e.where = m.where;
    d.result.engines.push_back(std::move(e));
  }
}

void fill_in_pools(draft& d) {
  std::map<std::string_view, std::vector<std::string>> engines_of;
  for (const auto& e : d.result.engines) engines_of[e.model].push_back(e.name);
  for (const auto& m : d.result.models) {
    pool p;
    p.name = m.name;
    p.engines = engines_of[m.name];
    p.where = m.where;
    if (p.engines.empty()) continue;
    p.placement = default_slot(d, slot::placement, "least_loaded", m.where);
    d.pool_engine_places.emplace_back(p.engines.size(), m.where);
    d.result.pools.push_back(std::move(p));
  }
}

void fill_in_endpoints(draft& d) {
  for (const auto& p : d.result.pools) {
    endpoint e;
    e.name = p.name;
    e.members = {p.name};
    e.fusion = default_slot(d, slot::fusion, "direct", p.where);
    e.where = p.where;
    d.endpoint_member_places.push_back({p.where});
    d.endpoint_cost_places.emplace_back();
    d.result.endpoints.push_back(std::move(e));
  }
}

void fill_in_frontends(draft& d) {
  frontend f;
  f.name = "zmq";
  f.node = d.result.nodes.front().name;
  d.result.frontends.push_back(std::move(f));
}

} // namespace tokamak::topology
