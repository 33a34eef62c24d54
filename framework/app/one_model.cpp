// What a topology file of four tables would say.
#include "app/one_model.hpp"

namespace tokamak::app {

topology::topology one_model_topology(const std::string& name, const std::string& model, const std::string& backend) {
  topology::topology t;
  t.file = name;
  topology::model m;
  m.name = name;
  m.path = model;
  topology::engine e;
  e.name = name;
  e.model = name;
  e.backend.plugin = backend;
  e.scheduler.plugin = "continuous";
  e.cache.plugin = "radix";
  e.graph_passes.push_back({.plugin = "operator_fusion"});
  e.constraints.push_back({.plugin = "json_schema"});
  topology::node n;
  n.name = e.node = "local";
  topology::pool p;
  p.name = name;
  p.engines = {name};
  p.placement.plugin = "least_loaded";
  topology::endpoint end;
  end.name = name;
  end.members = {name};
  end.fusion.plugin = "direct";
  t.nodes.push_back(std::move(n));
  t.models.push_back(std::move(m));
  t.engines.push_back(std::move(e));
  t.pools.push_back(std::move(p));
  t.endpoints.push_back(std::move(end));
  return t;
}

} // namespace tokamak::app
