// Messages of the endpoint actor onto calls, and their effects back onto messages.
#include "fusion/endpoint.hpp"

#include "base/log.hpp"
#include "fusion/admission.hpp"
#include "fusion/request_measures.hpp"
#include "message/actor_clock.hpp"
#include "message/status.hpp"
#include "message/wire_error.hpp"

#include <algorithm>
#include <chrono>
#include <map>

namespace tokamak::fusion {
namespace {

class endpoint_core;

struct endpoint_state {
  std::unique_ptr<endpoint_core> core;
  ~endpoint_state();
};

using self_pointer = endpoint_actor::stateful_pointer<endpoint_state>;

/// Owners in an order that does not depend on where they lie in memory: simulations repeat.
struct by_actor_id {
  static caf::actor_id id(const caf::strong_actor_ptr& a) { return a ? a->id() : 0; }
  bool operator()(const caf::strong_actor_ptr& a, const caf::strong_actor_ptr& b) const { return id(a) < id(b); }
};

/// Requests by id, and which request a sequence belongs to.
class endpoint_core final : public call_effects {
public:
  endpoint_core(self_pointer self, endpoint_setup setup) : self_(self), setup_(std::move(setup)) {
    for (const auto& m : setup_.members) {
      names_.push_back(m.name);
      self_->monitor(m.server);
    }
  }

  void open(const frame_of<wire::Open>& m, const caf::strong_actor_ptr& owner);
  void close(std::uint64_t id);
  void flow(const wire::Flow& m);
  void chunks(const wire::Chunks& m);
  void timer(std::uint64_t request, std::uint64_t id);
  void renew();
  void drain(const wire::Drain& m, const caf::strong_actor_ptr& sender);
  void cut();
  void down(const caf::down_msg& down);
  /// Of no request that is open: one that is not admitted, or what is none at all.
  void refuse(std::uint64_t id, const caf::strong_actor_ptr& owner, const error& why);
  frame_of<wire::ActorStatus> status() const;

  std::uint64_t next_id() override { return setup_.ids->next(); }
  void opened(std::uint64_t sequence, std::uint64_t request) override { requests_of_.emplace(sequence, request); }
  void closed(std::uint64_t sequence) override { requests_of_.erase(sequence); }
  void to_member(std::size_t member, frame_of<wire::Open> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Extend> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Generate> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Fork> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Truncate> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Close> m) override { forward(member, m); }
  void to_member(std::size_t member, frame_of<wire::Flow> m) override { forward(member, m); }
  void set_timer(std::uint64_t request, std::uint64_t delay_us, std::uint64_t timer) override {
    self_->delayed_send(self_, std::chrono::microseconds(delay_us), timer_atom::value, request, timer);
  }
  std::uint64_t now_us() override { return tokamak::now_us(self_->system()); }

private:
  struct entry {
    caf::strong_actor_ptr owner;
    std::unique_ptr<request_call> call;
    request_times times;
    bool nested = false; ///< of a request of another endpoint
  };
  using entries = std::unordered_map<std::uint64_t, entry>;

  template <class T>
  void forward(std::size_t member, const frame_of<T>& m) {
    self_->send(caf::actor_cast<sequence_server>(setup_.members[member].server), m);
  }
  expected<void> admit(const wire::Open& m);
  void collect(entries::iterator it, std::uint64_t now);
  void flush();

  self_pointer self_;
  endpoint_setup setup_;
  std::vector<std::string> names_;
  entries entries_;
  std::unordered_map<std::uint64_t, std::uint64_t> requests_of_;
  std::map<caf::strong_actor_ptr, wire::ChunksT, by_actor_id> outbox_;
  std::map<caf::strong_actor_ptr, std::size_t, by_actor_id> owners_; ///< open requests by owner
  caf::strong_actor_ptr drainer_;
  bool draining_ = false;
  bool renewing_ = false;
  request_measures measures_;
  std::uint64_t opened_ = 0, delivered_ = 0;
  std::uint64_t draining_requests_ = 0, cut_ = 0; ///< of clients, when the drain began; at its deadline
};

endpoint_state::~endpoint_state() = default;

expected<void> endpoint_core::admit(const wire::Open& m) {
  // What belongs to a request of another endpoint is no new request: that one may finish.
  if (draining_ && m.parent() == 0)
    return fail(errc::unavailable, fmt::format("endpoint '{}' is draining", setup_.name));
  if (entries_.contains(m.id())) return fail(errc::already_exists, fmt::format("request {} is open already", m.id()));
  if (auto ok = check_request(m); !ok) return ok;
  if (const auto* c = m.constraint()) {
    const auto name = c->plugin() ? c->plugin()->string_view() : std::string_view();
    if (!setup_.constraints) return fail(plugin::no_such_constraint("the service", name, {}));
    if (auto ok = setup_.constraints->compile(name, c->text() ? c->text()->string_view() : std::string_view()); !ok) return fail(ok.error());
  }
  const auto tokens = setup_.limits.max_tokens > 0 ? std::min(setup_.limits.max_tokens, m.generate()) : m.generate();
  if (setup_.max_cost_tokens > 0)
    if (const auto cost = setup_.fusion.worst_case_tokens(tokens); cost > setup_.max_cost_tokens)
      return fail(errc::too_large, fmt::format("the request may cost {} tokens; endpoint '{}' allows {}", cost, setup_.name,
                                               setup_.max_cost_tokens));
  return {};
}

void endpoint_core::refuse(std::uint64_t id, const caf::strong_actor_ptr& owner, const error& why) {
  auto c = std::make_unique<wire::ChunkT>();
  c->id = id;
  c->finish = wire::FinishReason::error;
  c->error = to_wire(why);
  outbox_[owner].items.push_back(std::move(c));
  flush();
}

void endpoint_core::open(const frame_of<wire::Open>& m, const caf::strong_actor_ptr& owner) {
  const request_times times{operation_of(*m), now_us()};
  if (auto ok = admit(*m); !ok) {
    measures_.failed(times, ok.error().code, times.arrival_us);
    return refuse(m->id(), owner, ok.error());
  }
  ++opened_;
  log::debug("endpoint", "request.open",
             {{"endpoint", setup_.name}, {"request", m->id()}, {"trace", m->trace() ? m->trace()->str() : ""}});
  if (owner && owners_[owner]++ == 0) self_->monitor(owner);
  auto& e = entries_[m->id()];
  e.owner = owner;
  e.times = times;
  e.nested = m->parent() != 0;
  e.call = std::make_unique<request_call>(m, names_, setup_.limits, *this);
  e.call->begin(setup_.fusion);
  collect(entries_.find(m->id()), times.arrival_us);
  flush();
  if (!renewing_ && setup_.limits.lease_us > 0 && !entries_.empty()) {
    renewing_ = true;
    self_->delayed_send(self_, std::chrono::microseconds(setup_.limits.lease_us / 3), renew_atom::value);
  }
}

// Takes what a call has for its client, and ends it if it is over.
void endpoint_core::collect(entries::iterator it, std::uint64_t now) {
  auto& e = it->second;
  const bool over = e.call->over();
  if (auto chunk = e.call->take_chunk()) {
    delivered_ += chunk->tokens.size();
    if (!chunk->tokens.empty()) measures_.tokens(e.times, chunk->tokens.size(), now);
    if (over) measures_.ended(e.times, *chunk, now);
    outbox_[e.owner].items.push_back(std::move(chunk));
  }
  if (!over) return;
  if (const auto owner = owners_.find(e.owner); owner != owners_.end() && --owner->second == 0) {
    self_->demonitor(owner->first->address());
    owners_.erase(owner);
  }
  entries_.erase(it);
}

void endpoint_core::flush() {
  for (auto& [owner, chunks] : outbox_)
    if (owner) self_->send(caf::actor_cast<chunk_sink>(owner), make_frame<wire::Chunks>(chunks));
  outbox_.clear();
  if (drainer_ && entries_.empty()) {
    wire::DrainedT message;
    message.name = setup_.name;
    message.finished = draining_requests_ - cut_;
    message.cut = cut_;
    self_->send(caf::actor_cast<drained_sink>(drainer_), make_frame<wire::Drained>(message));
    drainer_ = nullptr;
  }
}

void endpoint_core::close(std::uint64_t id) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  const auto now = now_us();
  measures_.cancelled(it->second.times, now);
  it->second.call->cancel();
  collect(it, now);
  flush();
}

void endpoint_core::flow(const wire::Flow& m) {
  for (std::uint32_t i = 0; m.ids() && i < m.ids()->size(); ++i)
    if (const auto it = entries_.find(m.ids()->Get(i)); it != entries_.end()) it->second.call->pause(m.paused());
}

void endpoint_core::chunks(const wire::Chunks& m) {
  const auto now = now_us(); // once for all of them
  for (std::uint32_t i = 0; m.items() && i < m.items()->size(); ++i) {
    const auto* item = m.items()->Get(i);
    const auto request = requests_of_.find(item->id());
    if (request == requests_of_.end()) continue;
    const auto it = entries_.find(request->second);
    if (it == entries_.end()) continue;
    it->second.call->on_chunk(*item);
    // One chunk frame may hold several items of one sequence: each goes out on its own, in order.
    collect(it, now);
  }
  flush();
}

void endpoint_core::timer(std::uint64_t request, std::uint64_t id) {
  const auto it = entries_.find(request);
  if (it == entries_.end()) return;
  it->second.call->on_timer(id);
  collect(it, now_us());
  flush();
}

void endpoint_core::renew() {
  renewing_ = !entries_.empty();
  if (!renewing_) return;
  std::map<std::size_t, wire::RenewT> by_member;
  for (const auto& [id, e] : entries_)
    for (const auto& [sequence, member] : e.call->sequences()) by_member[member].ids.push_back(sequence);
  for (auto& [member, message] : by_member) {
    message.lease_us = setup_.limits.lease_us;
    forward(member, make_frame<wire::Renew>(message));
  }
  self_->delayed_send(self_, std::chrono::microseconds(setup_.limits.lease_us / 3), renew_atom::value);
}

void endpoint_core::drain(const wire::Drain& m, const caf::strong_actor_ptr& sender) {
  draining_ = true;
  drainer_ = sender;
  draining_requests_ = static_cast<std::uint64_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& e) { return !e.second.nested; }));
  log::info("endpoint", "draining", {{"endpoint", setup_.name}, {"requests", draining_requests_}}); // from here on new requests are refused
  if (!entries_.empty()) self_->delayed_send(self_, std::chrono::microseconds(m.deadline_us()), cut_atom::value);
  flush();
}

void endpoint_core::cut() {
  std::vector<std::uint64_t> ids;
  for (const auto& [id, e] : entries_) ids.push_back(id);
  if (!ids.empty()) log::warning("endpoint", "drain.cut", {{"endpoint", setup_.name}, {"requests", ids.size()}});
  for (auto id : ids)
    if (const auto it = entries_.find(id); it != entries_.end()) {
      if (!it->second.nested) ++cut_;
      it->second.call->fail({errc::unavailable, "the service is shutting down; the answer was cut", {}});
      collect(it, now_us());
    }
  flush();
}

void endpoint_core::down(const caf::down_msg& down) {
  std::vector<std::uint64_t> gone, lost;
  std::size_t member = 0;
  while (member < setup_.members.size() && setup_.members[member].server->address() != down.source) ++member;
  for (const auto& [id, e] : entries_) {
    if (e.owner && e.owner->address() == down.source) gone.push_back(id);
    for (const auto& [sequence, at] : e.call->sequences())
      if (at == member) {
        lost.push_back(id);
        break;
      }
  }
  for (auto id : gone) close(id);
  for (auto id : lost)
    if (const auto it = entries_.find(id); it != entries_.end()) {
      it->second.call->fail({errc::unavailable, fmt::format("'{}' was lost", names_[member]), {}});
      collect(it, now_us());
    }
  flush();
}

frame_of<wire::ActorStatus> endpoint_core::status() const {
  std::vector<std::pair<std::string, double>> counters{{"running", static_cast<double>(entries_.size())}, {"opened", static_cast<double>(opened_)}};
  for (auto& counter : measures_.counters()) counters.push_back(std::move(counter));
  counters.emplace_back("delivered_tokens", static_cast<double>(delivered_));
  return make_status(setup_.name, "endpoint", counters, measures_.histograms());
}

endpoint_actor::behavior_type endpoint_behavior(self_pointer self, const std::shared_ptr<endpoint_setup>& setup) {
  self->state.core = std::make_unique<endpoint_core>(self, std::move(*setup));
  self->set_down_handler([=](const caf::down_msg& down) { self->state.core->down(down); });
  const auto refuse = [=](std::uint64_t id) {
    self->state.core->refuse(id, self->current_sender(),
                             {errc::unsupported, "an endpoint's requests can only be opened and closed", {}});
  };
  return {
      [=](const frame_of<wire::Open>& m) { self->state.core->open(m, self->current_sender()); },
      [=](const frame_of<wire::Extend>& m) { refuse(m->id()); },
      [=](const frame_of<wire::Generate>& m) { refuse(m->id()); },
      [=](const frame_of<wire::Fork>& m) { refuse(m->child()); },
      [=](const frame_of<wire::Truncate>& m) { refuse(m->id()); },
      [=](const frame_of<wire::Close>& m) { self->state.core->close(m->id()); },
      [=](const frame_of<wire::Renew>&) {}, // the owner is monitored, and its requests renew their own sequences
      [=](const frame_of<wire::Flow>& m) { self->state.core->flow(*m); },
      [=](const frame_of<wire::Chunks>& m) { self->state.core->chunks(*m); },
      [=](const frame_of<wire::Drain>& m) { self->state.core->drain(*m, self->current_sender()); },
      [=](timer_atom, std::uint64_t request, std::uint64_t id) { self->state.core->timer(request, id); },
      [=](renew_atom) { self->state.core->renew(); },
      [=](cut_atom) { self->state.core->cut(); },
      [=](const frame_of<wire::StatusRequest>&) { return self->state.core->status(); },
  };
}

} // namespace

endpoint_actor spawn_endpoint(caf::actor_system& system, endpoint_setup setup) {
  return system.spawn(endpoint_behavior, std::make_shared<endpoint_setup>(std::move(setup)));
}

} // namespace tokamak::fusion
