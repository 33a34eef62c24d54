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

expected<std::vector<shard_actor>> spawn_shards(caf::actor_system& system, const engine_setup& setup, std::vector<shard_plan> plans,
                                                const memory_plan& memory) {
  const auto threads = setup.config.threads > 0 ? setup.config.threads : usable_threads();
  const auto each = std::max<std::uint32_t>(1, threads / static_cast<std::uint32_t>(plans.size()));
  std::vector<shard_actor> shards(plans.size());
  const bool pipeline = setup.config.shards.kind == "layers";
  const auto timers = timers_of(system);
  for (auto i = plans.size(); i-- > 0;) { // last first: each knows the one behind it
    auto program = build_shard(std::move(plans[i]), setup, memory.n_blocks, each, clock_of(system), timers);
    if (!program) return fail(program.error());
    const auto info = program->backend.describe();
    log::info("engine", "shard.ready", {{"engine", setup.config.name}, {"shard", i}, {"backend", info.name}, {"level", info.level},
                                        {"threads", info.threads}, {"memory_mb", info.memory_bytes >> 20}});
    caf::strong_actor_ptr next;
    if (pipeline && i + 1 < shards.size()) next = caf::actor_cast<caf::strong_actor_ptr>(shards[i + 1]);
    shards[i] = spawn_shard(system, fmt::format("{}.{}", setup.config.name, i), std::move(*program), next, setup.detached);
  }
  if (!pipeline)
    for (const auto& shard : shards)
      for (const auto& other : shards)
        if (shard != other) caf::anon_send(shard, ranks_atom::value, caf::actor_cast<caf::strong_actor_ptr>(other));
  return shards;
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
  return data;
}

expected<running_engine> start_engine(caf::actor_system& system, engine_setup setup) {
  const auto& config = setup.config;
  auto rewrite = make_passes(config, *setup.registry, settings_for(setup, "graph_pass", system));
  if (!rewrite) return fail(about(config.name, rewrite.error()));
  setup.model.keep = std::make_shared<std::pair<std::shared_ptr<const void>, graph_rewrite>>(setup.model.keep, *rewrite);
  auto memory = plan_memory(setup.model.model.groups(), {config.kv_memory_bytes, setup.model.context_length, config.max_sequences,
                                                         setup.available_memory > 0 ? setup.available_memory : available_memory_bytes()});
  if (!memory) return fail(about(config.name, memory.error()));
  auto plans = plan_shards(setup.model.model, config.shards, *rewrite);
  if (!plans) return fail(about(config.name, plans.error()));
  auto scheduler = plugin::scheduler_instance::create(*setup.registry, config.scheduler, settings_for(setup, "scheduler", system));
  if (!scheduler) return fail(about(config.name, scheduler.error()));
  auto scheduling = scheduler_settings(setup, *memory, plans->size());
  scheduling.prefix_cache = can_cache_prefixes(setup.model.model);
  std::optional<plugin::cache_policy_instance> policy;
  if (scheduling.prefix_cache) {
    auto created = plugin::cache_policy_instance::create(*setup.registry, config.cache, settings_for(setup, "cache", system),
                                                         setup.model.model.groups()[0].block_size,
                                                         static_cast<std::uint32_t>(setup.model.model.groups().size()));
    if (!created) return fail(about(config.name, created.error()));
    policy = std::move(*created);
  }
  auto shards = spawn_shards(system, setup, std::move(*plans), *memory);
  if (!shards) return fail(about(config.name, shards.error()));

  running_engine engine;
  engine.name = config.name;
  engine.context_length = setup.model.context_length;
  engine.cache_bytes = memory->bytes;
  engine.shards = std::move(*shards);
  scheduler_peers peers;
  for (const auto& shard : engine.shards) peers.shards.push_back(caf::actor_cast<caf::strong_actor_ptr>(shard));
  engine.kv_cache = spawn_kv_cache(system, config.name, kv_cache_core(scheduling.groups, std::move(policy)),
                                   setup.model.fingerprint, peers.shards);
  peers.kv_cache = caf::actor_cast<caf::strong_actor_ptr>(engine.kv_cache);
  peers.ledger = setup.ledger;
  auto plan = std::make_shared<plugin::scheduler_instance>(std::move(*scheduler));
  engine.scheduler = spawn_scheduler(
      system, std::move(scheduling),
      [plan](const tk_schedule_input& input, const tk_schedule_plan& out) {
        plan->plan(input, {out.rows, input.n_sequences}, {out.preempt, input.n_sequences});
      },
      std::move(peers), setup.detached);
  log::info("engine", "engine.ready", {{"engine", config.name}, {"context", engine.context_length}, {"cache_mb", engine.cache_bytes >> 20}});
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
