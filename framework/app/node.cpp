// Messages of the node actor onto report drafts and its drain, and back.
#include "app/node.hpp"

#include "app/node_drain.hpp"
#include "app/report_draft.hpp"
#include "app/version.hpp"
#include "base/log.hpp"
#include "message/actor_clock.hpp"
#include "message/wire_error.hpp"

#include <algorithm>
#include <chrono>
#include <map>

namespace tokamak::app {
namespace {

using model_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::ModelList>>>;
using report_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::StatusReport>>>;
using error_sink = caf::typed_actor<caf::reacts_to<frame_of<wire::ErrorReply>>>;
using other_node = caf::typed_actor<caf::reacts_to<frame_of<wire::StatusRequest>>, caf::reacts_to<frame_of<wire::Drain>>>;

// Another node gives up sooner on its actors than it is given up on.
constexpr auto own_limit = std::chrono::seconds(1), all_limit = std::chrono::seconds(2);
// At its deadline a drain is cut by those that were asked; this is for those that hang.
constexpr auto drain_grace = std::chrono::seconds(2);

class node_core;

struct node_state {
  std::unique_ptr<node_core> core;
  ~node_state();
};

using self_pointer = node_actor::stateful_pointer<node_state>;

/// Who asked something, and how they call it.
struct question {
  caf::strong_actor_ptr asker;
  std::uint64_t op = 0;
};

class node_core {
public:
  node_core(self_pointer self, node_setup setup);

  void list_models(const wire::ListModels& m);
  void begin_report(const wire::StatusRequest& m);
  void node_report(const wire::StatusReport& m);
  void send_report(std::uint64_t number);
  void drain(const wire::Drain& m);
  void drained(const wire::Drained& m);
  void refused(const wire::ErrorReply& m);
  void cut();
  void join(const std::string& node, const std::string& offer, const caf::strong_actor_ptr& actor);
  void add_source(const caf::strong_actor_ptr& source) { setup_.sources.push_back(source); }
  void down(const caf::actor_addr& source);

private:
  struct report {
    question from;
    report_draft draft;
  };
  /// A drain of another node that was passed on to it.
  struct passed_on {
    question from;
    std::string node;
  };

  std::uint64_t now() { return now_us(self_->system()); }
  void ask_actors(std::uint64_t number);
  void ask_nodes(std::uint64_t number);
  template <class Fill>
  void add_to(std::uint64_t number, Fill fill);
  expected<void> ask_to_leave(const std::string& node, const question& from);
  expected<void> leave(const question& from);
  void ask_engines();
  void finish_drain();
  template <class T>
  void answer(const question& to, typename T::NativeTableType message);
  void answer_error(const question& to, const error& why);
  std::string name_of(const caf::actor_addr& node) const;

  self_pointer self_;
  node_setup setup_;
  std::uint64_t started_us_;
  std::map<std::string, caf::strong_actor_ptr> nodes_;      ///< connected ones
  std::map<std::string, caf::strong_actor_ptr> schedulers_; ///< of other nodes, by offer
  std::uint64_t last_number_ = 0;                           ///< of reports and of drains passed on
  std::map<std::uint64_t, report> reports_;
  std::map<std::uint64_t, passed_on> passed_on_;
  bool leaving_ = false;
  node_drain drain_;
  caf::strong_actor_ptr drainer_; ///< of this process
  question leaver_;               ///< who asked this node to leave; null: nobody
};

node_state::~node_state() = default;

node_core::node_core(self_pointer self, node_setup setup) : self_(self), setup_(std::move(setup)), started_us_(now()) {
  if (!setup_.links) return;
  self_->send(caf::actor_cast<export_sink>(setup_.links), export_atom::value, std::string(node_offer),
              caf::strong_actor_ptr(self_->ctrl()));
  const auto import = [&](const std::string& node, const std::string& offer) {
    self_->send(caf::actor_cast<import_source>(setup_.links), import_atom::value, node, offer);
  };
  for (const auto& node : setup_.others) import(node, node_offer);
  for (const auto& [node, offer] : setup_.needed_by) import(node, offer);
}

template <class T>
void node_core::answer(const question& to, typename T::NativeTableType message) {
  message.op = to.op;
  self_->send(caf::actor_cast<caf::typed_actor<caf::reacts_to<frame_of<T>>>>(to.asker), make_frame<T>(message));
}

void node_core::answer_error(const question& to, const error& why) {
  wire::ErrorReplyT message;
  message.error = to_wire(why);
  answer<wire::ErrorReply>(to, std::move(message));
}

void node_core::list_models(const wire::ListModels& m) {
  if (!self_->current_sender()) return;
  wire::ModelListT list;
  for (const auto& model : setup_.models) list.models.push_back(std::make_unique<wire::ModelInfoT>(model));
  answer<wire::ModelList>({self_->current_sender(), m.op()}, std::move(list));
}

// --- Status ---

void node_core::begin_report(const wire::StatusRequest& m) {
  if (!self_->current_sender()) return;
  const auto number = ++last_number_;
  wire::StatusReportT head;
  head.topology_digest = setup_.topology_digest;
  wire::NodeStatusT own;
  own.name = setup_.name;
  own.version = version;
  own.uptime_us = now() - started_us_;
  own.draining = leaving_;
  report_draft draft(std::move(head), std::move(own), setup_.sources.size());
  reports_.emplace(number, report{{self_->current_sender(), m.op()}, std::move(draft)});
  ask_actors(number);
  if (!m.own()) ask_nodes(number);
  if (reports_.at(number).draft.complete()) return send_report(number);
  self_->delayed_send(self_, m.own() ? own_limit : all_limit, overdue_atom::value, number);
}

// What came for a report, and the report itself if that was the last.
template <class Fill>
void node_core::add_to(std::uint64_t number, Fill fill) {
  const auto it = reports_.find(number);
  if (it == reports_.end()) return;
  fill(it->second.draft);
  if (it->second.draft.complete()) send_report(number);
}

void node_core::ask_actors(std::uint64_t number) {
  const auto ask = make_frame<wire::StatusRequest>({});
  for (const auto& source : setup_.sources)
    self_->request(caf::actor_cast<status_source>(source), caf::infinite, ask)
        .then([=, this](const frame_of<wire::ActorStatus>& s) { add_to(number, [&](auto& draft) { draft.actor(s.unpack()); }); },
              [=, this](const caf::error&) { add_to(number, [](auto& draft) { draft.actor_failed(); }); });
}

void node_core::ask_nodes(std::uint64_t number) {
  wire::StatusRequestT ask;
  ask.op = number;
  ask.own = true;
  auto& draft = reports_.at(number).draft;
  for (const auto& name : setup_.others) {
    const auto it = nodes_.find(name);
    draft.add_node(name, it == nodes_.end() ? "not connected" : "");
    if (it != nodes_.end()) self_->send(caf::actor_cast<other_node>(it->second), make_frame<wire::StatusRequest>(ask));
  }
}

void node_core::node_report(const wire::StatusReport& m) {
  if (!self_->current_sender()) return;
  const auto name = name_of(self_->current_sender()->address());
  add_to(m.op(), [&](auto& draft) { draft.node(name, m); });
}

void node_core::send_report(std::uint64_t number) {
  auto found = reports_.extract(number);
  if (found.empty()) return;
  const auto late = fmt::format("no answer within {} s", all_limit.count());
  answer<wire::StatusReport>(found.mapped().from, found.mapped().draft.take(late));
}

// --- Drain ---

void node_core::drain(const wire::Drain& m) {
  if (m.op() != 0) {
    const question from{self_->current_sender(), m.op()};
    const auto name = m.node() ? m.node()->str() : std::string();
    if (auto ok = name == setup_.name ? leave(from) : ask_to_leave(name, from); !ok) answer_error(from, ok.error());
    return;
  }
  leaving_ = true;
  drainer_ = self_->current_sender();
  drain_.begin(now(), m.deadline_us(), setup_.endpoints.size());
  wire::DrainT announce;
  announce.announce = true;
  for (const auto& e : setup_.engines) self_->send(caf::actor_cast<drainable>(e), make_frame<wire::Drain>(announce));
  wire::DrainT all;
  all.deadline_us = m.deadline_us();
  for (const auto& e : setup_.endpoints) self_->send(caf::actor_cast<drainable>(e), make_frame<wire::Drain>(all));
  if (setup_.endpoints.empty()) ask_engines();
  self_->delayed_send(self_, std::chrono::microseconds(m.deadline_us()) + drain_grace, cut_atom::value);
}

expected<void> node_core::leave(const question& from) {
  if (leaving_) return fail(errc::already_exists, fmt::format("node '{}' is draining already", setup_.name));
  if (!setup_.leave) return fail(errc::unsupported, fmt::format("node '{}' is part of another program, which ends it", setup_.name));
  leaving_ = true;
  leaver_ = from;
  setup_.leave();
  return {};
}

expected<void> node_core::ask_to_leave(const std::string& node, const question& from) {
  std::vector<std::string> connected;
  for (const auto& [name, actor] : nodes_) connected.push_back(name);
  if (auto ok = can_ask_to_leave(node, setup_.name, setup_.others, connected); !ok) return ok;
  wire::DrainT ask;
  ask.op = ++last_number_;
  ask.node = node;
  passed_on_.emplace(ask.op, passed_on{from, node});
  self_->send(caf::actor_cast<other_node>(nodes_.at(node)), make_frame<wire::Drain>(ask));
  return {};
}

void node_core::ask_engines() {
  auto engines = setup_.engines;
  for (const auto& [offer, scheduler] : schedulers_) engines.push_back(scheduler);
  drain_.ask_engines(engines.size());
  wire::DrainT m;
  m.deadline_us = drain_.left_us(now());
  for (const auto& e : engines) self_->send(caf::actor_cast<drainable>(e), make_frame<wire::Drain>(m));
  if (engines.empty()) finish_drain();
}

void node_core::drained(const wire::Drained& m) {
  if (m.op() != 0) {
    const auto found = passed_on_.extract(m.op());
    if (found.empty()) return;
    wire::DrainedT message;
    m.UnPackTo(&message);
    return answer<wire::Drained>(found.mapped().from, std::move(message));
  }
  if (!drain_.drained(m)) return;
  drain_.at() == node_drain::stage::endpoints ? ask_engines() : finish_drain();
}

void node_core::refused(const wire::ErrorReply& m) {
  const auto found = passed_on_.extract(m.op());
  if (!found.empty() && m.error()) answer_error(found.mapped().from, from_wire(*m.error()));
}

void node_core::finish_drain() {
  drain_.finish();
  const auto result = drain_.result(setup_.name, now());
  log::info("node", "drained", {{"node", setup_.name}, {"finished", result.finished}, {"cut", result.cut}, {"moved", result.moved}, {"ms", result.took_us / 1000}});
  if (leaver_.asker) answer<wire::Drained>(leaver_, result);
  if (drainer_) self_->send(caf::actor_cast<drained_sink>(drainer_), make_frame<wire::Drained>(result));
  drainer_ = nullptr;
}

void node_core::cut() {
  if (drain_.running()) finish_drain();
}

// --- Other nodes ---

void node_core::join(const std::string& node, const std::string& offer, const caf::strong_actor_ptr& actor) {
  (offer == node_offer ? nodes_[node] : schedulers_[offer]) = actor;
  self_->monitor(actor);
}

std::string node_core::name_of(const caf::actor_addr& node) const {
  const auto it = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n.second->address() == node; });
  return it == nodes_.end() ? std::string() : it->first;
}

void node_core::down(const caf::actor_addr& source) {
  std::erase_if(schedulers_, [&](const auto& s) { return s.second->address() == source; });
  const auto name = name_of(source);
  if (name.empty()) return;
  nodes_.erase(name);
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, r] : reports_) numbers.push_back(number);
  for (const auto number : numbers) add_to(number, [&](auto& draft) { draft.node_failed(name, "its link ended"); });
  for (auto it = passed_on_.begin(); it != passed_on_.end();) {
    if (it->second.node != name) {
      ++it;
      continue;
    }
    answer_error(it->second.from, {errc::unavailable, fmt::format("the link to node '{}' ended before it had drained", name), {}});
    it = passed_on_.erase(it);
  }
}

node_actor::behavior_type node_behavior(self_pointer self, const std::shared_ptr<node_setup>& setup) {
  self->state.core = std::make_unique<node_core>(self, std::move(*setup));
  self->set_down_handler([=](const caf::down_msg& down) { self->state.core->down(down.source); });
  return {
      [=](const frame_of<wire::ListModels>& m) { self->state.core->list_models(*m); },
      [=](const frame_of<wire::StatusRequest>& m) { self->state.core->begin_report(*m); },
      [=](const frame_of<wire::StatusReport>& m) { self->state.core->node_report(*m); },
      [=](const frame_of<wire::Drain>& m) { self->state.core->drain(*m); },
      [=](const frame_of<wire::Drained>& m) { self->state.core->drained(*m); },
      [=](const frame_of<wire::ErrorReply>& m) { self->state.core->refused(*m); },
      [=](imported_atom, const std::string& node, const std::string& offer, const caf::strong_actor_ptr& actor) {
        self->state.core->join(node, offer, actor);
      },
      [=](join_atom, const caf::strong_actor_ptr& source) { self->state.core->add_source(source); },
      [=](overdue_atom, std::uint64_t number) { self->state.core->send_report(number); },
      [=](cut_atom) { self->state.core->cut(); },
  };
}

} // namespace

node_actor spawn_node(caf::actor_system& system, node_setup setup) {
  return system.spawn(node_behavior, std::make_shared<node_setup>(std::move(setup)));
}

} // namespace tokamak::app
