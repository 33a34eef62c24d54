// Collects the status of all actors, waiting at most two seconds for each report.
#include "app/node.hpp"

#include "message/actor_clock.hpp"
#include "app/version.hpp"

#include <chrono>
#include <map>

namespace tokamak::app {
namespace {

using model_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::ModelList>>>;
using report_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::StatusReport>>>;

struct report {
  caf::strong_actor_ptr asker;
  wire::StatusReportT message;
  std::size_t missing = 0;
};

struct node_state {
  node_setup setup;
  std::uint64_t started_us = 0;
  std::map<std::uint64_t, report> reports; ///< by running number
  std::uint64_t next_report = 1;
  caf::strong_actor_ptr drainer;
  std::size_t draining = 0;
};

using self_pointer = node_actor::stateful_pointer<node_state>;

void send_report(self_pointer self, std::uint64_t number) {
  auto found = self->state.reports.extract(number);
  if (found.empty()) return;
  auto& r = found.mapped();
  std::sort(r.message.actors.begin(), r.message.actors.end(), [](const auto& a, const auto& b) {
    return std::tie(a->kind, a->name) < std::tie(b->kind, b->name);
  });
  self->send(caf::actor_cast<report_sink>(r.asker), make_frame<wire::StatusReport>(r.message));
}

void begin_report(self_pointer self, const frame_of<wire::StatusRequest>& m) {
  auto& state = self->state;
  const auto asker = self->current_sender();
  if (!asker) return;
  const auto number = state.next_report++;
  auto& r = state.reports[number];
  r.asker = asker;
  r.message.op = m->op();
  r.message.node = state.setup.name;
  r.message.version = version;
  r.message.topology_digest = state.setup.topology_digest;
  r.message.uptime_us = now_us(self->system()) - state.started_us;
  r.missing = state.setup.sources.size();
  const auto one_less = [=] {
    const auto it = self->state.reports.find(number);
    if (it != self->state.reports.end() && --it->second.missing == 0) send_report(self, number);
  };
  for (const auto& source : state.setup.sources)
    self->request(caf::actor_cast<status_source>(source), caf::infinite, m)
        .then(
            [=](const frame_of<wire::ActorStatus>& status) {
              const auto it = self->state.reports.find(number);
              if (it == self->state.reports.end()) return;
              it->second.message.actors.push_back(std::make_unique<wire::ActorStatusT>(status.unpack()));
              one_less();
            },
            [=](const caf::error&) { one_less(); });
  if (state.setup.sources.empty()) return send_report(self, number);
  self->delayed_send(self, std::chrono::seconds(2), overdue_atom::value, number);
}

void list_models(self_pointer self, const wire::ListModels& m) {
  const auto asker = self->current_sender();
  if (!asker) return;
  wire::ModelListT list;
  list.op = m.op();
  for (const auto& model : self->state.setup.models) list.models.push_back(std::make_unique<wire::ModelInfoT>(model));
  self->send(caf::actor_cast<model_sink>(asker), make_frame<wire::ModelList>(list));
}

void tell_drained(self_pointer self) {
  auto& state = self->state;
  if (!state.drainer || state.draining > 0) return;
  wire::DrainedT message;
  message.name = state.setup.name;
  self->send(caf::actor_cast<drained_sink>(state.drainer), make_frame<wire::Drained>(message));
  state.drainer = nullptr;
}

node_actor::behavior_type node_behavior(self_pointer self, const std::shared_ptr<node_setup>& setup) {
  self->state.setup = std::move(*setup);
  self->state.started_us = now_us(self->system());
  return {
      [=](const frame_of<wire::ListModels>& m) { list_models(self, *m); },
      [=](const frame_of<wire::StatusRequest>& m) { begin_report(self, m); },
      [=](const frame_of<wire::Drain>& m) {
        auto& state = self->state;
        state.drainer = self->current_sender();
        state.draining = state.setup.drainables.size();
        for (const auto& d : state.setup.drainables) self->send(caf::actor_cast<drainable>(d), m);
        tell_drained(self);
      },
      [=](const frame_of<wire::Drained>&) {
        if (self->state.draining > 0) --self->state.draining;
        tell_drained(self);
      },
      [=](join_atom, const caf::strong_actor_ptr& source) { self->state.setup.sources.push_back(source); },
      [=](overdue_atom, std::uint64_t number) { send_report(self, number); },
  };
}

} // namespace

node_actor spawn_node(caf::actor_system& system, node_setup setup) {
  return system.spawn(node_behavior, std::make_shared<node_setup>(std::move(setup)));
}

} // namespace tokamak::app
