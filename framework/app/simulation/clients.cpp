// Sending and taking note.
#include "app/simulation/clients.hpp"

#include "message/actor_clock.hpp"
#include "message/sequence_ids.hpp"
#include "message/wire_error.hpp"

#include <algorithm>
#include <chrono>

namespace tokamak::app {
namespace {

// Apart from the ids that the service's own actors give.
constexpr std::uint64_t first_id = std::uint64_t{0xffff} << 48;

struct clients_state {
  const load* planned = nullptr;
  std::vector<sequence_server> endpoints;
  client_record* record = nullptr;
  std::uint64_t begin_us = 0;
};

using self_pointer = clients_actor::stateful_pointer<clients_state>;

frame_of<wire::Open> open_frame(const load& planned, std::size_t i) {
  const auto& r = planned.requests[i];
  wire::OpenT m;
  m.id = first_id + i;
  m.target = planned.endpoints[r.endpoint];
  m.prompt = std::make_unique<wire::PromptT>();
  m.prompt->tokens = planned.prompt_of(i);
  m.stops = std::make_unique<wire::StopsT>();
  m.stops->ignore_eos = true;
  m.generate = r.max_tokens;
  return make_frame<wire::Open>(m);
}

// Sends all that is due, then waits for the next.
void send_due(self_pointer self) {
  auto& s = self->state;
  auto& record = *s.record;
  const auto& requests = s.planned->requests;
  const auto now = now_us(self->system());
  for (; record.sent < requests.size() && s.begin_us + requests[record.sent].arrival_us <= now; ++record.sent) {
    record.requests[record.sent].sent_us = record.progress_us = now;
    ++record.open;
    self->send(s.endpoints[requests[record.sent].endpoint], open_frame(*s.planned, record.sent));
  }
  if (record.sent == requests.size()) return;
  const auto next = s.begin_us + requests[record.sent].arrival_us;
  self->delayed_send(self, std::chrono::microseconds(next - now), next_atom::value);
}

void take(clients_state& s, const wire::Chunk& c, std::uint64_t now) {
  auto& record = *s.record;
  if (c.id() < first_id || c.id() - first_id >= record.requests.size()) return;
  auto& r = record.requests[c.id() - first_id];
  if (const auto n = c.tokens() ? c.tokens()->size() : 0; n > 0) {
    if (r.first_us == 0) r.first_us = now;
    r.last_us = now;
    r.tokens += n;
  }
  if (c.finish() == wire::FinishReason::none) return;
  r.end_us = now;
  --record.open;
  r.failed = c.finish() == wire::FinishReason::error;
  if (!r.failed) return;
  const auto why = c.error() ? from_wire(*c.error()) : error{errc::internal, "failed without an error", {}};
  r.code = why.code;
  if (why.code != errc::overloaded && record.first_failure.empty()) record.first_failure = why.to_string();
}

clients_actor::behavior_type clients_behavior(self_pointer self, const load* planned, const std::vector<caf::strong_actor_ptr>& endpoints,
                                              client_record* record) {
  auto& s = self->state;
  s.planned = planned;
  for (const auto& e : endpoints) s.endpoints.push_back(caf::actor_cast<sequence_server>(e));
  s.record = record;
  s.begin_us = now_us(self->system());
  record->requests.resize(planned->requests.size());
  self->send(self, next_atom::value);
  return {
      [=](next_atom) { send_due(self); },
      [=](const frame_of<wire::Chunks>& m) {
        const auto now = now_us(self->system());
        self->state.record->progress_us = now;
        for (std::uint32_t i = 0; m->items() && i < m->items()->size(); ++i) take(self->state, *m->items()->Get(i), now);
      },
      [=](report_atom, const caf::strong_actor_ptr& node) {
        using asked = caf::typed_actor<caf::reacts_to<frame_of<wire::StatusRequest>>>;
        self->send(caf::actor_cast<asked>(node), make_frame<wire::StatusRequest>({}));
      },
      [=](const frame_of<wire::StatusReport>& m) { self->state.record->report = m; },
  };
}

} // namespace

clients_actor spawn_clients(caf::actor_system& system, const load& planned, std::vector<caf::strong_actor_ptr> endpoints,
                            client_record& record) {
  return system.spawn(clients_behavior, &planned, std::move(endpoints), &record);
}

} // namespace tokamak::app
