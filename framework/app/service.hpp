// A node of a topology, running in this process: everything from ledger to frontends, started in order and stopped in
// reverse.
#pragma once

#include "app/node.hpp"
#include "engine/engine.hpp"
#include "message/sequence_ids.hpp"
#include "plugin/registry.hpp"
#include "topology/topology.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tokamak::app {

struct service_options {
  std::string node;           ///< which of the topology's; "" where it has one
  bool all_nodes = false;     ///< what every node runs, in this process and without links: for simulations
  bool with_frontends = true; ///< false: for commands that talk to the actors directly
  bool detached = true;       ///< false: all actors on the pool, for virtual time
  std::function<void()> leave;        ///< called where a client asks this node to leave: to drain(), and end. Any thread; null:
                                      ///< such requests are refused
  std::uint64_t available_memory = 0; ///< bytes that automatic cache sizes go by; 0: this machine's, now
};

class service {
public:
  /// Loads models and spawns all actors. The registry must outlive the service. Errors name what could not start.
  static expected<std::unique_ptr<service>> start(caf::actor_system& system, const topology::topology& topology,
                                                  const plugin::registry& registry, const service_options& options);
  /// Ends all actors; waits for their threads with the actor system.
  ~service();
  service(const service&) = delete;
  service& operator=(const service&) = delete;

  /// Refuses new requests and waits until the running ones ended. False: `deadline_ms` passed first; what still ran was
  /// ended by an error that its client is told.
  bool drain(std::uint32_t deadline_ms);

  node_actor node() const { return node_; }
  /// Of the topology's node that this is.
  const std::string& name() const { return name_; }
  /// A sequence_server by endpoint or pool name; null if there is none.
  caf::strong_actor_ptr endpoint(const std::string& name) const;
  caf::strong_actor_ptr pool(const std::string& name) const;
  const engine::running_engine* engine(const std::string& name) const;
  /// Addresses that frontends listen on.
  const std::vector<std::string>& addresses() const { return addresses_; }
  sequence_ids& ids() { return *ids_; }

private:
  explicit service(caf::actor_system& system) : system_(system) {}
  struct starter;

  caf::actor_system& system_;
  std::string name_;
  std::shared_ptr<sequence_ids> ids_;
  caf::strong_actor_ptr ledger_;
  caf::strong_actor_ptr background_;
  caf::strong_actor_ptr links_; ///< null where the node has no peers
  std::map<std::string, engine::running_engine> engines_;
  std::map<std::string, caf::strong_actor_ptr> pools_;
  std::map<std::string, caf::strong_actor_ptr> endpoints_;
  std::vector<caf::strong_actor_ptr> frontends_;
  std::vector<std::string> addresses_;
  node_actor node_;
};

/// An actor system as Tokamak runs it: one pool thread with a shared queue (idle costs nothing, and compute keeps its
/// cores). Call once per process.
class actor_runtime {
public:
  actor_runtime();
  caf::actor_system& system() { return *system_; }

private:
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
};

} // namespace tokamak::app
