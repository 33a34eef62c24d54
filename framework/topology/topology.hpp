// The topology file as plain structs: what a service consists of, with every default filled in and everything
// checked that can be checked without starting anything. deploy/topologies/README.md describes the format.
#pragma once

#include "base/error.hpp"
#include "base/option_tree.hpp"
#include "topology/catalog.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::topology {

/// `[models.NAME]`: weights and what is done to them.
struct model {
  std::string name;
  std::string path;          ///< GGUF file; absolute or relative to the working directory, ~ and $VAR expanded
  std::string chat_template; ///< file, like path; "": the model's own
  std::string sha256;        ///< 64 lower-case hex digits the file must have; "": not pinned
  std::vector<plugin_use> weights; ///< transforms, in order
  position where;
  position path_where; ///< of the value of `path`
};

/// How an engine is cut over several shards.
struct sharding {
  std::string kind;               ///< "": not cut, "layers", "tensor"
  std::uint32_t count = 1;
  std::vector<std::string> nodes; ///< of each shard: exactly `count` names
};

/// `[engines.NAME]`: one running model.
struct engine {
  std::string name;
  std::string model;
  std::string node; ///< where the scheduler runs
  plugin_use backend, scheduler, cache; ///< defaults: cpu, continuous, radix
  std::vector<plugin_use> graph_passes, kernels;
  std::vector<plugin_use> constraints; ///< default: json_schema
  std::uint32_t threads = 0;         ///< compute threads; 0: all of the machine
  std::uint32_t max_step_rows = 512; ///< tokens of one step
  std::uint32_t max_sequences = 64;  ///< of one step
  std::uint32_t max_waiting = 1024;  ///< requests that may queue; more are refused as overloaded
  std::uint32_t context_length = 0;  ///< tokens of one sequence; 0: the model's
  std::uint32_t block_size = 32;     ///< tokens of a cache block, a power of two
  std::uint64_t kv_memory_bytes = 0; ///< for cache blocks; 0: chosen from free memory and the model's size
  sharding shards;
  position where;
};

/// `[pools.NAME]`: interchangeable engines of one model.
struct pool {
  std::string name;
  std::vector<std::string> engines; ///< at least one
  plugin_use placement;             ///< default: least_loaded
  position where;
};

/// `[endpoints.NAME]`: what clients ask for by name.
struct endpoint {
  std::string name;
  std::vector<std::string> members;  ///< at least one; a pool where there is one of that name, else an endpoint
  plugin_use fusion;                 ///< default: direct
  std::vector<std::string> aliases;  ///< other names that clients may ask for; none is an endpoint's own
  std::uint32_t max_tokens = 0;      ///< answer tokens a request may ask for; 0: up to the context
  std::uint32_t max_cost_tokens = 0; ///< tokens a request may cost over all members; 0: no limit
  position where;
};

/// What only a frontend of kind "http" has.
struct http_frontend {
  std::string api_keys;                  ///< file of the keys that may ask; "": anybody may
  std::string tls_certificate, tls_key;  ///< PEM files: a chain and its key; "": in the clear
  position tls_certificate_where, tls_key_where;
  std::vector<std::string> cors_origins; ///< web pages of other origins that may ask; "*": all
  std::uint32_t max_header_bytes = 64u << 10;
  std::uint32_t idle_timeout_ms = 75'000;    ///< a connection without a request is closed
  std::uint32_t request_timeout_ms = 30'000; ///< from a request's first byte to its last
};

/// `[frontends.NAME]`: where clients connect. One named "http" is of that kind unless it says otherwise.
struct frontend {
  std::string name;
  std::string kind = "zmq"; ///< or "http"
  std::string node;
  std::string bind = "tcp://127.0.0.1:7100"; ///< http: HOST:PORT
  std::string key_file;                 ///< secret key; "": clients connect in the clear
  std::vector<std::string> client_keys; ///< files and folders of the public keys that may connect
  std::vector<std::string> admins;      ///< owners of those keys that may drain nodes
  bool insecure = false;                ///< without keys, though other machines can connect
  std::uint32_t max_clients = 1024;
  std::uint32_t max_message_bytes = 16u << 20;
  std::uint32_t max_requests_per_client = 256; ///< running at once; more are refused as overloaded
  std::uint32_t window_tokens = 1024;          ///< sent and not acknowledged: at so many a request pauses
  std::uint32_t stall_timeout_ms = 60'000;     ///< a request paused for so long without an acknowledgement is cut
  std::uint32_t client_buffer_bytes = 16u << 20; ///< unsent: half of it pauses all requests of a client, all of it cuts them
  http_frontend http;
  position where;
};

/// `[nodes.NAME]`: a process.
struct node {
  std::string name;
  std::string address;  ///< tcp://HOST:PORT for links; "" only where the node is the only one
  std::string key_file; ///< secret key, needed on this node alone; "": links are in the clear
  std::string public_key_file; ///< beside it, needed on all nodes
  bool insecure = false; ///< without keys, though other machines can connect
  position where;
};

/// `[links.NAME]`: what the line between two nodes is like, for tests and studies: each node delays what it sends. All 0:
/// as it is.
struct link {
  std::string name;
  std::vector<std::string> nodes; ///< two
  std::uint32_t bandwidth_kbit = 0; ///< thousand bits per second, each way
  std::uint32_t delay_ms = 0, jitter_ms = 0; ///< one way
  std::uint32_t outage_every_ms = 0, outage_ms = 0; ///< of every outage_every_ms the first outage_ms nothing gets through
  position where;
};

/// `[plugins.pins]`: the hash a plugin file must have to be loaded.
struct plugin_pin {
  std::string file;   ///< file name, no folder
  std::string sha256; ///< 64 lower-case hex digits
  position where;
};

/// `[operations]`
struct operations {
  std::string log_level = "info";            ///< debug, info, warning or error
  std::string log_file;                      ///< expanded like model paths; "": standard error
  std::uint32_t default_deadline_ms = 0;     ///< for requests that state none; 0: none
  std::uint32_t sequence_lease_ms = 30'000;  ///< a sequence closes when its owner was silent for so long
  std::uint32_t drain_deadline_ms = 30'000;  ///< a drain cuts what still runs after this
  std::uint32_t heartbeat_ms = 1000;         ///< of links and engines; who is not heard for two of them is lost
};

/// A whole file. Vectors are in file order, defaults last.
struct topology {
  std::string file;
  std::string digest; ///< hex SHA-256 of the file's content; comments, white space and the order of keys do not count
  std::vector<model> models;
  std::vector<engine> engines;
  std::vector<pool> pools;
  std::vector<endpoint> endpoints;
  std::vector<frontend> frontends;
  std::vector<node> nodes;
  std::vector<link> links;
  std::vector<std::string> plugin_paths; ///< expanded; empty: the host's own
  std::vector<plugin_pin> plugin_pins;
  tokamak::topology::operations operations;

  /// The entry of that name; nullptr: none. Valid while the vector is unchanged.
  const model* find_model(std::string_view name) const;
  const engine* find_engine(std::string_view name) const;
  const pool* find_pool(std::string_view name) const;
  const endpoint* find_endpoint(std::string_view name) const;
  const frontend* find_frontend(std::string_view name) const;
  const node* find_node(std::string_view name) const;
};

/// Either a value or at least one error; all errors are there, not just the first, in file order. `where` of each is
/// "file:line:column", or the file alone. Warnings (things defined but used by nothing) stop nobody.
struct load_result {
  std::optional<topology> value;
  std::vector<error> errors;
  std::vector<error> warnings;
};

/// Reads and checks a topology. Without a catalog, plugin names and options are taken as they are. Looks at the file
/// system only for the existence of named files. Any thread; never throws on input of any kind.
load_result load_file(const std::string& path, const plugin_catalog* catalog);

/// The same for text; relative paths in it are relative to the folder of `file_name`.
load_result load_text(std::string_view toml, std::string file_name, const plugin_catalog* catalog);

/// [plugins] alone, since plugins must be loaded to have a catalog. Takes what is usable and reports nothing: load_file
/// does. A pin that is malformed has an empty sha256, which matches no file.
struct plugin_section {
  std::vector<std::string> paths;
  std::vector<position> path_places; ///< of each path
  std::vector<plugin_pin> pins;
};
plugin_section load_plugin_section(const std::string& path);

/// The graph that `tokamak check` prints: endpoints with their pools, engines and models, then frontends, nodes and
/// operations, defaults visible. Several lines, each ended by a newline.
std::string describe(const topology& t);

} // namespace tokamak::topology
