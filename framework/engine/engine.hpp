// Starting an engine: from a topology's [engines.NAME] and a model file to running scheduler, kv_cache and shard actors.
#pragma once

#include "engine/assembly.hpp"
#include "engine/engine_head.hpp"
#include "engine/shard.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/graph/graph.hpp"
#include "plugin/registry.hpp"
#include "topology/topology.hpp"

namespace tokamak::engine {

/// A running model without a file: what probes and simulations start engines from.
struct model_source_data {
  graph model;
  std::uint32_t context_length = 0;
  std::uint32_t vocab_size = 0;
  std::vector<std::int32_t> end_tokens;
  token_bytes tokens;      ///< for constraints; may be empty
  std::string fingerprint; ///< of the weights: equal where engines may exchange cache blocks
  /// The bytes of a weight by name; empty if there is none. They outlive the engine.
  std::function<std::span<const std::byte>(const std::string&)> weight;
  std::function<void(std::span<const std::byte>)> release; ///< takes bytes of weights out of memory until they are read; may be empty
  std::shared_ptr<const void> keep;                        ///< whatever the weights live in
};

struct engine_setup {
  topology::engine config;
  std::string topology_file;
  model_source_data model;
  const plugin::registry* registry = nullptr;
  caf::strong_actor_ptr ledger; ///< or null
  bool detached = true;         ///< false: scheduler and shards on the actor pool, for virtual time
  std::string node;             ///< this one, of those that config.shards names; "": all of them
  caf::strong_actor_ptr links;  ///< an import_source and export_sink, where some shard is on another node
  std::uint64_t available_memory = 0; ///< bytes that the automatic cache size goes by; 0: this machine's, now
};

/// What of an engine runs in this process.
struct running_engine {
  std::string name;
  scheduler_actor scheduler; ///< null where the engine is on several nodes: its head comes and goes
  kv_cache_actor kv_cache;   ///< likewise
  assembly_actor assembly;   ///< then, on the engine's own node
  std::vector<shard_actor> shards;
  std::uint32_t context_length = 0;
  std::uint64_t cache_bytes = 0;
};

/// The model of a file, as this engine wants it (block size, context). End tokens come from the caller's card.
expected<model_source_data> read_model(std::shared_ptr<const gguf_file> file, const topology::engine& config,
                                       std::vector<std::int32_t> end_tokens);

/// Whether some part of it is on that node.
bool has_part_on(const topology::engine& config, const std::string& node);

/// Runs passes, cuts, decomposes, loads weights and spawns what is on this node: shards, and on the engine's own node the rest. Blocks
/// while weights are repacked. Errors name the engine.
expected<running_engine> start_engine(caf::actor_system& system, engine_setup setup);

/// Threads that this process may use: its CPU affinity and quota, at least 1.
std::uint32_t usable_threads();

} // namespace tokamak::engine
