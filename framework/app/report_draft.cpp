// Parts of a report come in any order; the report has them in one.
#include "app/report_draft.hpp"

#include <algorithm>
#include <tuple>

namespace tokamak::app {

report_draft::report_draft(wire::StatusReportT head, wire::NodeStatusT own, std::size_t n_actors)
    : report_(std::move(head)), actors_missing_(n_actors) {
  report_.node = own.name;
  report_.version = own.version;
  report_.uptime_us = own.uptime_us;
  report_.nodes.push_back(std::make_unique<wire::NodeStatusT>(std::move(own)));
}

void report_draft::add_node(const std::string& name, std::string problem) {
  if (problem.empty()) waiting_.emplace(name, report_.nodes.size());
  report_.nodes.push_back(std::make_unique<wire::NodeStatusT>());
  report_.nodes.back()->name = name;
  report_.nodes.back()->problem = std::move(problem);
}

void report_draft::actor(wire::ActorStatusT status) {
  --actors_missing_;
  status.node = report_.node;
  report_.actors.push_back(std::make_unique<wire::ActorStatusT>(std::move(status)));
}

// Null: the node was not asked, or has answered. It counts as heard from now on.
wire::NodeStatusT* report_draft::waited_for(const std::string& name) {
  const auto found = waiting_.extract(name);
  return found.empty() ? nullptr : report_.nodes[found.mapped()].get();
}

void report_draft::node(const std::string& name, const wire::StatusReport& report) {
  auto* about = waited_for(name);
  if (!about) return;
  if (report.nodes() && report.nodes()->size() > 0) report.nodes()->Get(0)->UnPackTo(about);
  about->name = name;
  for (std::uint32_t i = 0; report.actors() && i < report.actors()->size(); ++i) {
    report_.actors.emplace_back(report.actors()->Get(i)->UnPack());
    report_.actors.back()->node = name;
  }
}

void report_draft::node_failed(const std::string& name, const std::string& problem) {
  if (auto* about = waited_for(name)) about->problem = problem;
}

wire::StatusReportT report_draft::take(const std::string& late) {
  for (const auto& [name, at] : waiting_) report_.nodes[at]->problem = late;
  std::map<std::string, std::size_t> place;
  for (std::size_t i = 0; i < report_.nodes.size(); ++i) place.emplace(report_.nodes[i]->name, i);
  std::sort(report_.actors.begin(), report_.actors.end(), [&](const auto& a, const auto& b) {
    return std::tie(place.at(a->node), a->kind, a->name) < std::tie(place.at(b->node), b->kind, b->name);
  });
  return std::move(report_);
}

} // namespace tokamak::app
