// The tables that make up a service: models, engines, pools and endpoints, each read on its own.
#include "topology/draft.hpp"
#include "topology/plugin_slot.hpp"
#include "topology/spelling.hpp"

#include <bit>
#include <unordered_set>

namespace tokamak::topology {
namespace {

template <class T>
bool has_name(const std::vector<T>& list, const std::string& name) {
  for (const auto& item : list)
    if (item.name == name) return true;
  return false;
}

void read_model(draft& d, table_reader& in, const std::string& name) {
  model m;
  m.name = name;
  m.where = in.where();
  if (!in.find("path")) in.missing("path", "path = \"FILE.gguf\"");
  m.path_where = read_path_key(d, in, "path", m.path, "a GGUF file");
  read_path_key(d, in, "chat_template", m.chat_template, "a chat template");
  in.sha256("sha256", m.sha256);
  m.weights = read_slots(d, in, "weights", slot::weights);
  in.planned({"kv_codec"});
  d.result.models.push_back(std::move(m));
}

void read_shards(draft& d, table_reader& engine_in, const std::string& name, sharding& into) {
  const auto* v = engine_in.find("shards");
  if (!v) return;
  const auto* table = v->as<value::table>();
  if (!table) {
    d.found.error(v->where, fmt::format("shards is {}; expected a table with kind and count or nodes", type_name(*v)));
    return;
  }
  auto title = table_title("engines", name);
  title.insert(title.size() - 1, ".shards");
  table_reader in(*table, v->where, std::move(title), d.found);
  in.one_of("kind", into.kind, {"layers", "tensor"}, {"experts"});
  const auto* count = in.number("count", into.count, 1, 1024);
  std::vector<position> places;
  const auto* nodes = in.texts("nodes", into.nodes, places);
  for (std::size_t i = 0; i < into.nodes.size(); ++i)
    d.references.push_back({reference::target::node, into.nodes[i], places[i]});
  in.finish();

  if (nodes && !count) into.count = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(into.nodes.size()));
  if (nodes && count && into.nodes.size() != into.count)
    d.found.error(nodes->where, fmt::format("shards.nodes names {} nodes for a count of {}; expected one for each shard",
                                            into.nodes.size(), into.count));
  if (into.count > 1 && !in.find("kind")) in.missing("kind", "kind = \"layers\" or \"tensor\"");
  if (in.find("kind") && !in.find("count") && !in.find("nodes")) in.missing("count", "count or nodes");
}

void read_engine_limits(draft& d, table_reader& in, engine& e) {
  in.number("threads", e.threads, 0, 1024);
  in.number("max_step_rows", e.max_step_rows, 1, 65'536);
  in.number("max_sequences", e.max_sequences, 1, 65'536);
  in.number("max_waiting", e.max_waiting, 1, 1'000'000);
  in.number("context_length", e.context_length, 0, 1u << 24);
  in.bytes("kv_memory_bytes", e.kv_memory_bytes, 0, 1ull << 50);
  const auto* size = in.number("block_size", e.block_size, 1, 1024);
  if (size && !std::has_single_bit(e.block_size))
    d.found.error(size->where, fmt::format("block_size is {}; expected a power of two, 1 to 1024", e.block_size));
}

void read_engine(draft& d, table_reader& in, const std::string& name) {
  engine e;
  e.name = name;
  e.where = in.where();
  if (const auto* v = in.text("model", e.model))
    d.references.push_back({reference::target::model, e.model, v->where});
  else if (!in.find("model")) {
    if (has_name(d.result.models, name))
      e.model = name;
    else if (d.result.models.size() == 1)
      e.model = d.result.models.front().name;
    else
      in.missing("model", "the name of a model");
  }
  read_node_key(d, in, e.node);
  e.backend = read_slot(d, in, "backend", slot::backend, "cpu");
  e.scheduler = read_slot(d, in, "scheduler", slot::scheduler, "continuous");
  e.cache = read_slot(d, in, "cache", slot::cache, "radix");
  e.graph_passes = in.find("graph_passes") ? read_slots(d, in, "graph_passes", slot::graph_pass)
                                           : std::vector{default_slot(d, slot::graph_pass, "operator_fusion", in.where())};
  e.kernels = read_slots(d, in, "kernels", slot::kernels);
  e.constraints = in.find("constraints") ? read_slots(d, in, "constraints", slot::constraint)
                                         : std::vector{default_slot(d, slot::constraint, "json_schema", in.where())};
  read_engine_limits(d, in, e);
  read_shards(d, in, name, e.shards);
  if (e.shards.nodes.empty()) e.shards.nodes.assign(e.shards.count, e.node);
  in.planned({"speculator", "kv_codec"});
  d.result.engines.push_back(std::move(e));
}

/// An array of names that may not be empty nor hold a name twice. True if the key is there.
bool read_names(draft& d, table_reader& in, std::string_view key, reference::target to, std::vector<std::string>& names,
                std::vector<position>& places) {
  const auto* v = in.texts(key, names, places);
  if (!v) return in.find(key) != nullptr;
  if (v->as<value::array>()->empty()) d.found.error(v->where, fmt::format("{} is empty; expected at least one name", key));
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    d.references.push_back({to, names[i], places[i]});
    if (!seen.insert(names[i]).second)
      d.found.error(places[i], fmt::format("{} names {} twice; expected each once", key, in_quotes(names[i])));
  }
  return true;
}

void read_pool(draft& d, table_reader& in, const std::string& name) {
  pool p;
  p.name = name;
  p.where = in.where();
  std::vector<position> places;
  if (!read_names(d, in, "engines", reference::target::engine, p.engines, places)) {
    for (const auto& e : d.result.engines)
      if (e.model == name) p.engines.push_back(e.name);
    if (p.engines.empty() && has_name(d.result.engines, name)) p.engines.push_back(name);
    if (p.engines.empty()) in.missing("engines", "the names of engines");
    places.assign(p.engines.size(), p.where);
  }
  p.placement = read_slot(d, in, "placement", slot::placement, "least_loaded");
  in.planned({"kv_transport"});
  d.result.pools.push_back(std::move(p));
  d.pool_engine_places.push_back(std::move(places));
}

void read_endpoint(draft& d, table_reader& in, const std::string& name) {
  endpoint e;
  e.name = name;
  e.where = in.where();
  std::vector<position> places;
  if (!read_names(d, in, "members", reference::target::member, e.members, places)) {
    if (has_name(d.result.pools, name))
      e.members.push_back(name);
    else
      in.missing("members", "the names of pools or endpoints");
    places.assign(e.members.size(), e.where);
  }
  e.fusion = read_slot(d, in, "fusion", slot::fusion, "direct");
  std::vector<position> alias_places;
  in.texts("aliases", e.aliases, alias_places);
  in.number("max_tokens", e.max_tokens, 0, 1u << 24);
  const auto* cost = in.number("max_cost_tokens", e.max_cost_tokens, 0);
  if (cost && e.max_cost_tokens > 0 && e.max_tokens == 0)
    d.found.error(cost->where, fmt::format("max_cost_tokens is {} without max_tokens; expected max_tokens, which the worst "
                                           "case depends on", e.max_cost_tokens));
  in.planned({"constraint", "admission"});
  d.result.endpoints.push_back(std::move(e));
  d.endpoint_member_places.push_back(std::move(places));
  d.endpoint_alias_places.push_back(std::move(alias_places));
  d.endpoint_cost_places.push_back(cost ? cost->where : position{});
}

} // namespace

void for_each_table(draft& d, std::string_view section, const value::table& entries,
                    const std::function<void(table_reader&, const std::string&)>& read) {
  for (const auto& e : entries) {
    if (!is_good_name(e.key))
      d.found.error(e.where, fmt::format("bad name {} in [{}]; expected 1 to 64 letters, digits, '-', '_' and '.'",
                                         in_quotes(e.key), section));
    const auto* table = e.content.as<value::table>();
    if (!table) {
      d.found.error(e.content.where, fmt::format("{} in [{}] is {}; expected a table [{}.NAME]", in_quotes(e.key), section,
                                                 type_name(e.content), section));
      continue;
    }
    table_reader in(*table, e.where, table_title(section, e.key), d.found);
    read(in, e.key);
    in.finish();
  }
}

void read_sections(draft& d, const value::table& root) {
  table_reader in(root, {}, "the file", d.found);
  const auto each = [&](std::string_view section, void (*read)(draft&, table_reader&, const std::string&)) {
    if (const auto* table = in.table(section))
      for_each_table(d, section, *table, [&](table_reader& t, const std::string& name) { read(d, t, name); });
  };
  if (const auto* nodes = in.table("nodes")) read_nodes(d, *nodes);
  fill_in_nodes(d);
  if (const auto* links = in.table("links")) read_links(d, *links);
  each("models", read_model);
  each("engines", read_engine);
  if (d.result.engines.empty()) fill_in_engines(d);
  each("pools", read_pool);
  if (d.result.pools.empty()) fill_in_pools(d);
  each("endpoints", read_endpoint);
  if (d.result.endpoints.empty()) fill_in_endpoints(d);
  if (const auto* frontends = in.table("frontends")) read_frontends(d, *frontends);
  if (d.result.frontends.empty()) fill_in_frontends(d);
  if (const auto* v = in.find("plugins"); v && in.table("plugins"))
    read_plugins_table(d, *v->as<value::table>(), v->where);
  if (const auto* v = in.find("operations"); v && in.table("operations"))
    read_operations(d, *v->as<value::table>(), v->where);
  in.planned({"discovery", "tenants", "quotas", "prices", "ledger", "metrics", "admission", "simulation", "recording"});
  in.finish();
  const auto* models = in.find("models");
  const auto* named = models ? models->as<value::table>() : nullptr;
  if (!models || (named && named->empty()))
    d.found.error({}, "no models; expected at least one [models.NAME] with path = \"FILE.gguf\"");
}

} // namespace tokamak::topology
