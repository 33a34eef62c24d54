// A status report in the making: which actors and nodes were asked, and what has come. Pure.
#pragma once

#include "message/frame.hpp"

#include <map>
#include <memory>
#include <string>

namespace tokamak::app {

class report_draft {
public:
  /// `own`: the node that makes it, with so many actors to hear from.
  report_draft(wire::StatusReportT head, wire::NodeStatusT own, std::size_t n_actors);

  /// Another node belongs in it: one to hear from, unless there is a problem with it.
  void add_node(const std::string& name, std::string problem = {});

  void actor(wire::ActorStatusT status);
  void actor_failed() { --actors_missing_; }
  /// A node's report of its own actors; ignored where it was not waited for.
  void node(const std::string& name, const wire::StatusReport& report);
  void node_failed(const std::string& name, const std::string& problem);

  bool complete() const { return actors_missing_ == 0 && waiting_.empty(); }
  /// `late`: what is said of nodes that have not answered. Actors are in the order of their nodes, by kind and name.
  wire::StatusReportT take(const std::string& late);

private:
  wire::NodeStatusT* waited_for(const std::string& name);

  wire::StatusReportT report_;
  std::size_t actors_missing_;
  std::map<std::string, std::size_t> waiting_; ///< where in report_.nodes
};

} // namespace tokamak::app
