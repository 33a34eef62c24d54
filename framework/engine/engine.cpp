// Putting an engine together.
#include "engine/engine.hpp"

#include "base/log.hpp"
#include "engine/graph_passes.hpp"
#include "engine/model_files.hpp"
#include "engine/shard_builder.hpp"
#include "message/actor_clock.hpp"
#include "model/architectures/architecture.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <thread>

namespace tokamak::engine {
namespace {

plugin::host_settings settings_for(const engine_setup& setup, std::string_view part, caf::actor_system& system) {
  plugin::host_settings s;
  s.name = fmt::format("engine.{}.{}", setup.config.name, part);
  s.file = setup.topology_file;
  s.now_us = clock_of(system);
  return s;
}

scheduler_config scheduler_settings(const engine_setup& setup, const memory_plan& memory, std::size_t n_shards) {
  scheduler_config c;
  c.name = setup.config.name;
  c.model = setup.model.fingerprint;
  for (std::size_t g = 0; g < setup.model.model.groups().size(); ++g) {
    const auto& group = setup.model.model.groups()[g];
    c.groups.push_back({group.kind, group.block_size, group.window, memory.n_blocks[g]});
  }
  c.max_step_rows = setup.config.max_step_rows;
  c.max_sequences = setup.config.max_sequences;
  c.max_waiting = setup.config.max_waiting;
  c.context_length = setup.model.context_length;
  c.vocab_size = setup.model.vocab_size;
  c.max_steps_in_flight = setup.config.shards.kind == "layers" ? static_cast<std::uint32_t>(n_shards) : 1;
  c.end_tokens = setup.model.end_tokens;
  for (const auto& use : setup.config.constraints) c.constraints.push_back(use.plugin);
  return c;
}

// A cache policy needs one block size and no recurrent state (nobody takes checkpoints of it yet).
bool can_cache_prefixes(const graph& g) {
  return !g.groups().empty() && std::all_of(g.groups().begin(), g.groups().end(), [&](const auto& group) {
    return group.kind != TK_GROUP_RECURRENT && group.block_size == g.groups()[0].block_size;
  });
}

error about(const std::string& engine, error e) {
  e.message = fmt::format("engine '{}': {}", engine, e.message);
  return e;
}

bool all_here(const engine_setup& setup) {
  const auto& nodes = setup.config.shards.nodes;
  return setup.node.empty() || (setup.config.node == setup.node && std::all_of(nodes.begin(), nodes.end(), [&](const auto& n) { return n == setup.node; }));
}

/// Whom shard i of n sends to.
shard_peers peers_of(const topology::engine& config, std::size_t i, std::size_t n) {
  shard_peers peers;
  if (config.shards.kind == "layers") {
    if (i + 1 < n) peers.next = shard_offer(config.name, i + 1);
    return peers;
  }
  for (std::size_t other = 0; other < n; ++other)
    if (other != i) peers.ranks.push_back(shard_offer(config.name, other));
  return peers;
}

/// Makes this node's shards known to each other and to other nodes, and asks for those of other nodes.
void connect_shards(const engine_setup& setup, const std::vector<assembly_shard>& shards) {
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const auto& own = shards[i];
    if (!own.actor) continue;
    if (setup.links) caf::anon_send(caf::actor_cast<export_sink>(setup.links), export_atom::value, own.offer, own.actor);
    for (const auto& other : shards) {
      if (&other == &own) continue;
      if (other.actor) caf::anon_send(caf::actor_cast<import_sink>(own.actor), imported_atom::value, other.node, other.offer, other.actor);
      else caf::actor_cast<caf::strong_actor_ptr>(setup.links)->enqueue(own.actor, caf::make_message_id(),
                                                                        caf::make_message(import_atom::value, other.node, other.offer), nullptr);
    }
  }
}

/// Those of this node are spawned; the others have no actor.
expected<std::vector<assembly_shard>> spawn_shards(caf::actor_system& system, const engine_setup& setup, std::vector<shard_plan> plans,
                                                   const memory_plan& memory) {
  const auto& config = setup.config;
  const auto n = plans.size();
  std::vector<assembly_shard> shards;
  std::uint32_t here = 0;
  for (std::size_t i = 0; i < n; ++i) {
    shards.push_back({config.shards.nodes.empty() ? config.node : config.shards.nodes[i], shard_offer(config.name, i), nullptr});
    here += setup.node.empty() || shards[i].node == setup.node;
  }
  const auto threads = config.threads > 0 ? config.threads : usable_threads();
  for (std::size_t i = 0; i < n; ++i) {
    if (!setup.node.empty() && shards[i].node != setup.node) continue;
    auto program = build_shard(std::move(plans[i]), setup, memory.n_blocks, std::max<std::uint32_t>(1, threads / here), clock_of(system), timers_of(system));
    if (!program) return fail(program.error());
    const auto info = program->backend.describe();
    log::info("engine", "shard.ready", {{"engine", config.name}, {"shard", i}, {"backend", info.name}, {"level", info.level},
                                        {"threads", info.threads}, {"memory_mb", info.memory_bytes >> 20}});
    shards[i].actor = caf::actor_cast<caf::strong_actor_ptr>(spawn_shard(system, fmt::format("{}.{}", config.name, i), std::move(*program), peers_of(config, i, n), setup.detached));
  }
  connect_shards(setup, shards);
  return shards;
}

/// Shards of several nodes share block numbers: how many there are must not depend on whose memory it is.
std::uint64_t memory_for(const engine_setup& setup) {
  if (!all_here(setup)) return UINT64_MAX;
  return setup.available_memory > 0 ? setup.available_memory : available_memory_bytes();
}

expected<head_plan> plan_head(caf::actor_system& system, const engine_setup& setup, const memory_plan& memory, std::size_t n_shards) {
  const auto& config = setup.config;
  auto scheduler = plugin::scheduler_instance::create(*setup.registry, config.scheduler, settings_for(setup, "scheduler", system));
  if (!scheduler) return fail(scheduler.error());
  head_plan head;
  head.scheduling = scheduler_settings(setup, memory, n_shards);
  head.scheduling.prefix_cache = can_cache_prefixes(setup.model.model);
  head.model = setup.model.fingerprint;
  head.ledger = setup.ledger;
  head.detached = setup.detached;
  head.plan = [plan = std::make_shared<plugin::scheduler_instance>(std::move(*scheduler))](const tk_schedule_input& input, const tk_schedule_plan& out) {
    plan->plan(input, {out.rows, input.n_sequences}, {out.preempt, input.n_sequences});
  };
  head.make_policy = [wanted = head.scheduling.prefix_cache, registry = setup.registry, use = config.cache, settings = settings_for(setup, "cache", system),
                      block_size = head.scheduling.groups.empty() ? 0 : head.scheduling.groups[0].block_size,
                      n_groups = static_cast<std::uint32_t>(head.scheduling.groups.size())]() -> expected<std::optional<plugin::cache_policy_instance>> {
    if (!wanted) return std::optional<plugin::cache_policy_instance>();
    auto created = plugin::cache_policy_instance::create(*registry, use, settings, block_size, n_groups);
    if (!created) return fail(created.error());
    return std::optional(std::move(*created));
  };
  return head;
}

} // namespace

expected<model_source_data> read_model(std::shared_ptr<const gguf_file> file, const topology::engine& config,
                                       std::vector<std::int32_t> end_tokens) {
  graph_options options;
  options.block_size = config.block_size;
  options.context_length = config.context_length;
  auto built = build_model_graph(*file, options);
  if (!built) return fail(about(config.name, built.error()));
  model_source_data data;
  data.model = std::move(built->graph);
  data.context_length = built->context_length;
  if (config.context_length > built->context_length)
    return fail(errc::invalid_argument, fmt::format("engine '{}': context_length {} is beyond the model's {}", config.name,
                                                    config.context_length, built->context_length));
  if (config.context_length > 0) data.context_length = config.context_length;
  data.vocab_size = built->vocab_size;
  data.end_tokens = std::move(end_tokens);
  data.keep = file;
  data.fingerprint = fingerprint_of(*file);
  data.weight = [file, parts = std::move(built->parts)](const std::string& name) {
    const auto tensor = find_weight(*file, parts, name);
    return tensor ? tensor->data : std::span<const std::byte>{};
  };
  data.release = [file](std::span<const std::byte> bytes) { file->release(bytes); };
  return data;
}

bool has_part_on(const topology::engine& config, const std::string& node) {
  return config.node == node || std::find(config.shards.nodes.begin(), config.shards.nodes.end(), node) != config.shards.nodes.end();
}

expected<running_engine> start_engine(caf::actor_system& system, engine_setup setup) {
  const auto& config = setup.config;
  auto rewrite = make_passes(config, *setup.registry, settings_for(setup, "graph_pass", system));
  if (!rewrite) return fail(about(config.name, rewrite.error()));
  setup.model.keep = std::make_shared<std::pair<std::shared_ptr<const void>, graph_rewrite>>(setup.model.keep, *rewrite);
  auto memory = plan_memory(setup.model.model.groups(), {config.kv_memory_bytes, setup.model.context_length, config.max_sequences, memory_for(setup)});
  if (!memory) return fail(about(config.name, memory.error()));
  auto plans = plan_shards(setup.model.model, config.shards, *rewrite);
  if (!plans) return fail(about(config.name, plans.error()));
  auto head = plan_head(system, setup, *memory, plans->size());
  if (!head) return fail(about(config.name, head.error()));
  auto shards = spawn_shards(system, setup, std::move(*plans), *memory);
  if (!shards) return fail(about(config.name, shards.error()));

  running_engine engine;
  engine.name = config.name;
  engine.context_length = setup.model.context_length;
  engine.cache_bytes = memory->bytes;
  std::vector<caf::strong_actor_ptr> actors;
  for (const auto& shard : *shards) {
    actors.push_back(shard.actor);
    if (shard.actor) engine.shards.push_back(caf::actor_cast<shard_actor>(shard.actor));
  }
  if (all_here(setup)) {
    auto made = spawn_head(system, *head, std::move(actors), 0);
    if (!made) return fail(about(config.name, made.error()));
    engine.scheduler = made->scheduler;
    engine.kv_cache = made->kv_cache;
    log::info("engine", "engine.ready", {{"engine", config.name}, {"context", engine.context_length}, {"cache_mb", engine.cache_bytes >> 20}});
  } else if (config.node == setup.node) {
    engine.assembly = spawn_assembly(system, {config.name, setup.node, std::move(*head), std::move(*shards), setup.links});
  }
  return engine;
}

std::uint32_t usable_threads() {
  cpu_set_t set;
  auto n = std::thread::hardware_concurrency();
  if (sched_getaffinity(0, sizeof set, &set) == 0) n = static_cast<unsigned>(CPU_COUNT(&set));
  if (std::ifstream quota("/sys/fs/cgroup/cpu.max"); quota) {
    std::string max;
    double period = 0;
    if (quota >> max >> period && max != "max" && period > 0)
      n = std::min(n, std::max(1u, static_cast<unsigned>(std::stod(max) / period)));
  }
  return std::max(1u, n);
}

} // namespace tokamak::engine
