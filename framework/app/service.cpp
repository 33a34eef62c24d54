// Starting and stopping, in the order in which things depend on each other.
#include "app/service.hpp"

#include "app/file_place.hpp"
#include "app/frontends.hpp"
#include "base/allocator.hpp"
#include "base/log.hpp"
#include "app/node_links.hpp"
#include "engine/model_files.hpp"
#include "fusion/endpoint.hpp"
#include "message/actor_clock.hpp"
#include "model/card.hpp"
#include "network/pool.hpp"
#include "operations/ledger.hpp"

#include <algorithm>
#include <chrono>
#include <tuple>

namespace tokamak::app {
namespace {

template <class Handle>
caf::strong_actor_ptr untyped(const Handle& handle) {
  return caf::actor_cast<caf::strong_actor_ptr>(handle);
}

} // namespace

/// The steps of start(), each needing those before it.
struct service::starter {
  service& to;
  const topology::topology& topology;
  const plugin::registry& registry;
  const service_options& options;
  engine::model_files files;
  std::map<std::string, model_card> cards;           ///< by model
  std::map<std::string, std::string> fingerprints;   ///< by model
  std::map<std::string, std::uint32_t> contexts;     ///< by engine
  std::string here;                                  ///< this node's name
  /// Engines of one model, block size and context share its graph; a simulation has thousands.
  std::map<std::tuple<std::string, std::uint32_t, std::uint32_t>, engine::model_source_data> graphs;
  node_setup node;
  std::shared_ptr<const plugin::constraint_texts> constraints;

  bool serves_clients() const {
    if (topology.nodes.size() < 2 || !options.with_frontends) return true;
    return std::any_of(topology.frontends.begin(), topology.frontends.end(), [&](const auto& f) { return f.node == here; });
  }

  plugin::host_settings settings(std::string name) const {
    plugin::host_settings s;
    s.name = std::move(name);
    s.file = topology.file;
    s.now_us = clock_of(to.system_);
    return s;
  }

  /// The error as one of the place in the topology that it is about.
  tl::unexpected<error> wrong(topology::position where, error why) const { return fail(at_place(topology.file, where, std::move(why))); }

  // Which node this is, and the ids that are its own: a restarted node does not repeat them.
  expected<void> find_node() {
    if (options.all_nodes) {
      here = to.name_ = topology.nodes.front().name;
      to.ids_ = std::make_shared<sequence_ids>();
      return {};
    }
    if (options.node.empty() && topology.nodes.size() > 1) {
      std::vector<std::string> names;
      for (const auto& n : topology.nodes) names.push_back(n.name);
      return fail(errc::invalid_argument, fmt::format("{} has the nodes {}; expected one of them, or all by `tokamak serve --all`", topology.file, fmt::join(names, ", ")));
    }
    const auto* found = options.node.empty() ? &topology.nodes.front() : topology.find_node(options.node);
    if (!found) return fail(errc::not_found, fmt::format("no node '{}' in {}", options.node, topology.file));
    here = to.name_ = found->name;
    const auto index = static_cast<std::uint16_t>(found - topology.nodes.data());
    to.ids_ = topology.nodes.size() > 1 ? std::make_shared<sequence_ids>(index, static_cast<std::uint64_t>(unix_time_s()) << 24)
                                        : std::make_shared<sequence_ids>(index);
    return {};
  }

  expected<void> start_links() {
    if (topology.nodes.size() < 2 || options.all_nodes) return {};
    auto setup = links_of(topology, here);
    if (!setup) return fail(setup.error());
    if (setup->peers.empty()) return {};
    auto started = network::spawn_links(to.system_, std::move(*setup));
    if (!started) return wrong(topology.find_node(here)->where, started.error());
    to.links_ = untyped(started->actor);
    node.sources.push_back(to.links_);
    return {};
  }

  // Other nodes are asked for clients only.
  void know_others() {
    node.links = to.links_;
    for (const auto& n : topology.nodes)
      if (to.links_ && serves_clients() && n.name != here) node.others.push_back(n.name);
  }

  void offer(std::string name, const caf::strong_actor_ptr& actor) const {
    if (to.links_) caf::anon_send(caf::actor_cast<network::links_actor>(to.links_), export_atom::value, std::move(name), actor);
  }

  // Reads the model of every engine that runs here or that clients of this node reach.
  expected<void> start_engines() {
    for (const auto& config : topology.engines) {
      const bool runs_here = topology.nodes.size() < 2 || options.all_nodes || engine::has_part_on(config, here);
      const auto* model = topology.find_model(config.model);
      auto file = files.open(model->path, model->sha256);
      if (!file) return wrong(model->path_where, file.error());
      if (!cards.contains(model->name)) {
        auto card = model_card::load(**file, model->name, model->chat_template);
        if (!card) return wrong(model->where, card.error());
        cards.emplace(model->name, std::move(*card));
      }
      auto& card = cards.at(model->name);
      auto& data = graphs[{model->name, config.block_size, config.context_length}];
      if (data.vocab_size == 0) {
        auto read = engine::read_model(*file, config, card.end_tokens);
        if (!read) return wrong(config.where, read.error());
        data = std::move(*read);
        data.tokens = [tokenizer = card.tokenizer, n = data.vocab_size] {
          std::vector<std::string> bytes;
          for (std::int32_t id = 0; id < tokenizer->vocab_size(); ++id) bytes.emplace_back(tokenizer->piece(id));
          bytes.resize(n); // as many as there are logits
          return bytes;
        };
      }
      card.context_length = data.context_length;
      fingerprints.insert_or_assign(model->name, data.fingerprint);
      contexts.emplace(config.name, data.context_length);
      if (runs_here)
        if (auto ok = start_engine(config, data); !ok) return ok;
    }
    files.release();
    give_back_freed_memory();
    return {};
  }

  expected<void> start_engine(const topology::engine& config, engine::model_source_data data) {
    const bool one_process = topology.nodes.size() < 2 || options.all_nodes;
    engine::engine_setup setup{config, topology.file, std::move(data), &registry, to.ledger_, options.detached, one_process ? "" : here, to.links_,
                               options.available_memory};
    auto engine = engine::start_engine(to.system_, std::move(setup));
    if (!engine) return place_in(topology.file, engine.error()).line ? fail(engine.error()) : wrong(config.where, engine.error());
    for (const auto& shard : engine->shards) node.sources.push_back(untyped(shard));
    const auto head = engine->assembly ? untyped(engine->assembly) : engine->scheduler ? untyped(engine->scheduler) : nullptr;
    if (head) node.sources.push_back(head);
    if (head && to.links_) node.engines.push_back(head); // without, the endpoints here end all it runs
    if (!one_process && config.node != here) node.needed_by.push_back({config.node, scheduler_offer(config.name)});
    if (engine->kv_cache) node.sources.push_back(untyped(engine->kv_cache));
    if (engine->scheduler) offer(scheduler_offer(config.name), untyped(engine->scheduler)); // an assembly does it itself
    to.engines_.emplace(config.name, std::move(*engine));
    return {};
  }

  // A member of a pool: here, assembled here, or behind a link.
  network::pool_member member(const std::string& name) const {
    const auto& home = topology.find_engine(name)->node;
    const auto running = to.engines_.find(name);
    if (running == to.engines_.end()) return {name, home, nullptr, to.links_};
    const auto& e = running->second;
    if (e.scheduler) return {name, here, untyped(e.scheduler), nullptr};
    return {name, home, nullptr, e.assembly ? untyped(e.assembly) : to.links_};
  }

  expected<void> start_pools() {
    for (const auto& config : topology.pools) {
      auto placement = plugin::placement_instance::create(registry, config.placement, settings("pool." + config.name + ".placement"));
      if (!placement) return fail(placement.error());
      const auto& model = topology.find_engine(config.engines.front())->model;
      network::pool_setup setup{config.name, here, cards.at(model), fingerprints.at(model), {}, std::uint64_t{topology.operations.heartbeat_ms} * 1000,
                                to.ledger_, to.background_};
      for (const auto& name : config.engines) setup.members.push_back(member(name));
      auto pool = network::spawn_pool(to.system_, std::move(setup), std::move(*placement));
      node.sources.push_back(untyped(pool));
      to.pools_.emplace(config.name, untyped(pool));
    }
    return {};
  }

  // What clients ask for is checked at endpoints, whatever engine is to answer.
  expected<void> read_constraints() {
    std::vector<plugin_use> uses;
    for (const auto& e : topology.engines) uses.insert(uses.end(), e.constraints.begin(), e.constraints.end());
    auto made = plugin::constraint_texts::create("the service", registry, uses, settings("constraint"));
    if (!made) return fail(made.error());
    constraints = std::move(*made);
    return {};
  }

  // Endpoints may have endpoints as members: those first. The checker has refused cycles.
  expected<void> start_endpoint(const topology::endpoint& config) {
    if (to.endpoints_.contains(config.name)) return {};
    std::vector<fusion::endpoint_member> members;
    for (const auto& name : config.members) {
      if (const auto pool = to.pools_.find(name); pool != to.pools_.end()) {
        members.push_back({name, pool->second});
        continue;
      }
      if (auto ok = start_endpoint(*topology.find_endpoint(name)); !ok) return ok;
      members.push_back({name, to.endpoints_.at(name)});
    }
    std::vector<tk_fusion_member> view;
    for (const auto& m : members) view.push_back({plugin::to_tk(m.name), to.pools_.contains(m.name)});
    auto made = plugin::fusion_instance::create(registry, config.fusion, settings("endpoint." + config.name + ".fusion"), view);
    if (!made) return fail(made.error());
    fusion::call_limits limits;
    limits.max_tokens = config.max_tokens;
    limits.lease_us = std::uint64_t{topology.operations.sequence_lease_ms} * 1000;
    limits.deadline_us = std::uint64_t{topology.operations.default_deadline_ms} * 1000;
    wire::ModelInfoT info;
    info.name = config.name;
    info.fusion = config.fusion.plugin;
    info.aliases = config.aliases;
    info.pools = config.members;
    info.context_length = context_of(config);
    fusion::endpoint_setup setup{config.name, std::move(members), std::move(*made), limits, config.max_cost_tokens, to.ids_, constraints};
    const auto endpoint = untyped(fusion::spawn_endpoint(to.system_, std::move(setup)));
    to.endpoints_.emplace(config.name, endpoint);
    node.sources.push_back(endpoint);
    node.endpoints.push_back(endpoint);
    node.models.push_back(std::move(info));
    return {};
  }

  // The least of the members': what any of them can take.
  std::uint32_t context_of(const topology::endpoint& config) const {
    auto least = UINT32_MAX;
    for (const auto& name : config.members) {
      if (const auto* pool = topology.find_pool(name)) {
        for (const auto& e : pool->engines) least = std::min(least, contexts.at(e));
      } else {
        least = std::min(least, context_of(*topology.find_endpoint(name)));
      }
    }
    return least;
  }

  expected<void> start_frontends(const caf::strong_actor_ptr& directory) {
    const frontend_parts parts{to.system_, topology, to.endpoints_, cards, directory, to.ids_, to.background_};
    for (const auto& config : topology.frontends) {
      if (config.node != here && topology.nodes.size() > 1) continue;
      auto started = start_frontend(config, parts);
      if (!started) return wrong(config.where, started.error());
      to.frontends_.push_back(std::move(started->actor));
      caf::anon_send(to.node_, join_atom::value, to.frontends_.back());
      to.addresses_.push_back(started->address);
      log::info("frontend", "listening", {{"name", config.name}, {"address", started->address}});
    }
    return {};
  }

  expected<void> start_all() {
    if (auto ok = find_node(); !ok) return ok;
    to.ledger_ = untyped(operations::spawn_ledger(to.system_, "ledger"));
    node.sources.push_back(to.ledger_);
    to.background_ = untyped(spawn_background(to.system_, options.detached));
    if (auto ok = start_links(); !ok) return ok;
    if (auto ok = start_engines(); !ok) return ok;
    if (serves_clients()) {
      if (auto ok = start_pools(); !ok) return ok;
      if (auto ok = read_constraints(); !ok) return ok;
      for (const auto& config : topology.endpoints)
        if (auto ok = start_endpoint(config); !ok) return ok;
    }
    node.name = here;
    node.topology_digest = topology.digest;
    node.leave = options.leave;
    know_others();
    to.node_ = spawn_node(to.system_, std::move(node));
    return options.with_frontends ? start_frontends(untyped(to.node_)) : expected<void>{};
  }
};

expected<std::unique_ptr<service>> service::start(caf::actor_system& system, const topology::topology& topology,
                                                  const plugin::registry& registry, const service_options& options) {
  std::unique_ptr<service> made(new service(system));
  starter s{*made, topology, registry, options, {}, {}, {}, {}, {}, {}, {}, {}};
  if (auto ok = s.start_all(); !ok) return fail(ok.error());
  return made;
}

service::~service() {
  const auto stop = [](const caf::strong_actor_ptr& actor) {
    if (actor) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  };
  for (const auto& f : frontends_) stop(f);
  stop(links_);
  if (node_) stop(untyped(node_));
  for (const auto& [name, e] : endpoints_) stop(e);
  for (const auto& [name, p] : pools_) stop(p);
  for (const auto& [name, e] : engines_) {
    if (e.assembly) stop(untyped(e.assembly));
    if (e.scheduler) stop(untyped(e.scheduler));
    if (e.kv_cache) stop(untyped(e.kv_cache));
    for (const auto& shard : e.shards) stop(untyped(shard));
  }
  stop(background_);
  stop(ledger_);
}

bool service::drain(std::uint32_t deadline_ms) {
  caf::scoped_actor self(system_);
  wire::DrainT message;
  message.deadline_us = std::uint64_t{deadline_ms} * 1000;
  self->send(node_, make_frame<wire::Drain>(message));
  bool drained = false;
  // At the deadline the endpoints tell those whom they cut, and are done then.
  const auto limit = std::chrono::milliseconds(deadline_ms) + std::chrono::seconds(5);
  const auto begun_us = now_us(system_);
  self->receive([&](const frame_of<wire::Drained>&) { drained = true; }, caf::after(limit) >> [] {});
  return drained && now_us(system_) - begun_us < message.deadline_us;
}

caf::strong_actor_ptr service::endpoint(const std::string& name) const {
  const auto it = endpoints_.find(name);
  return it == endpoints_.end() ? nullptr : it->second;
}

caf::strong_actor_ptr service::pool(const std::string& name) const {
  const auto it = pools_.find(name);
  return it == pools_.end() ? nullptr : it->second;
}

const engine::running_engine* service::engine(const std::string& name) const {
  const auto it = engines_.find(name);
  return it == engines_.end() ? nullptr : &it->second;
}

actor_runtime::actor_runtime() {
  config_.set("scheduler.policy", caf::atom("sharing")); // an atom: a string would be ignored
  config_.set("scheduler.max-threads", std::size_t{1});
  config_.set("logger.verbosity", caf::atom("quiet"));
  system_ = std::make_unique<caf::actor_system>(config_);
}

} // namespace tokamak::app
