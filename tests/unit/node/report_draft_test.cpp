// What a status report holds, whatever of it comes and when.
#include "app/report_draft.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using app::report_draft;

namespace {

wire::NodeStatusT node(const std::string& name) {
  wire::NodeStatusT n;
  n.name = name;
  n.version = "0.1.0";
  return n;
}

wire::ActorStatusT actor(const std::string& kind, const std::string& name) {
  wire::ActorStatusT a;
  a.kind = kind;
  a.name = name;
  return a;
}

frame_of<wire::StatusReport> report_of(const std::string& name) {
  report_draft draft({}, node(name), 1);
  draft.actor(actor("pool", "p"));
  return make_frame<wire::StatusReport>(draft.take(""));
}

std::vector<std::string> lines_of(const wire::StatusReportT& r) {
  std::vector<std::string> lines;
  for (const auto& n : r.nodes) lines.push_back(n->problem.empty() ? n->name + " " + n->version : n->name + ": " + n->problem);
  for (const auto& a : r.actors) lines.push_back(a->node + " " + a->kind + " " + a->name);
  return lines;
}

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("a report is complete when all actors and nodes have answered, and in order") {
  report_draft draft({}, node("z"), 2);
  draft.add_node("b");
  draft.add_node("a");
  draft.actor(actor("pool", "y"));
  draft.node("a", *report_of("a"));
  CHECK(!draft.complete());
  draft.node("b", *report_of("b"));
  CHECK(!draft.complete());
  draft.actor(actor("pool", "x"));
  CHECK(draft.complete());
  CHECK(lines_of(draft.take("late")) == lines{"z 0.1.0", "b 0.1.0", "a 0.1.0", "z pool x", "z pool y", "b pool p", "a pool p"});
}

TEST_CASE("nodes that do not answer are named, each with its reason") {
  report_draft draft({}, node("a"), 1);
  draft.add_node("b", "not connected");
  draft.add_node("c");
  draft.add_node("d");
  draft.actor_failed();
  draft.node_failed("c", "its link ended");
  CHECK(!draft.complete());
  CHECK(lines_of(draft.take("no answer within 2 s")) == lines{"a 0.1.0", "b: not connected", "c: its link ended", "d: no answer within 2 s"});
}

TEST_CASE("reports that nobody waits for are left out") {
  report_draft draft({}, node("a"), 0);
  draft.add_node("b");
  draft.node("c", *report_of("c"));
  draft.node("b", *report_of("other")); // what it says of itself is not who it is
  draft.node("b", *report_of("b"));
  draft.node_failed("b", "its link ended");
  CHECK(lines_of(draft.take("late")) == lines{"a 0.1.0", "b 0.1.0", "b pool p"});
}
