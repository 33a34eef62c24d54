// What passes between sockets, sessions and actors.
#include "network/links_thread.hpp"

#include "message/actor_clock.hpp"
#include "message/any_message.hpp"

#include <algorithm>

namespace tokamak::network {

class links_thread::effects_of final : public link_effects {
public:
  effects_of(links_thread& to, peer_state& p, connection& c) : to_(to), peer_(p), c_(c) {}
  void transmit(lane l, std::vector<std::byte> b, const std::vector<attachment>& a) override { to_.put(peer_, c_.route, l, std::move(b), a); }
  void deliver(link_message m) override { to_.deliver(c_, std::move(m)); }
  void offered(offer o) override { to_.offered(peer_, c_, std::move(o)); }
  void gone(std::uint64_t actor) override {
    if (const auto it = c_.remote.find(actor); it != c_.remote.end()) {
      end_remote_actor(it->second);
      c_.remote.erase(it);
    }
  }

private:
  links_thread& to_;
  peer_state& peer_;
  connection& c_;
};

void links_thread::drain_sockets() {
  if (router_) {
    drain_router_ends();
    for (std::size_t i = 0; i < burst; ++i) {
      auto m = router_->receive();
      if (!m) break;
      from_router(std::move(*m));
    }
  }
  for (auto& p : peers_)
    for (auto l : {lane::control, lane::bulk}) drain_dealer(p, l);
}

link_socket* links_thread::dealer(peer_state& p, lane l) {
  auto* route = route_of(p);
  return route ? route->own[index(l)].get() : nullptr;
}

void links_thread::drain_dealer(peer_state& p, lane l) {
  if (auto* s = dealer(p, l))
    if (const auto ended = s->next_end()) return lose(p, {errc::unavailable, ended->problem, {}});
  for (std::size_t i = 0; i < burst; ++i) {
    auto* s = dealer(p, l); // a message may end the session
    if (!s) break;
    auto m = s->receive();
    if (!m) break;
    p.up ? receive(p, l, std::move(*m)) : greeted(p, std::move(*m));
  }
}

void links_thread::drain_router_ends() {
  while (const auto ended = router_->next_end()) {
    for (auto& p : peers_) {
      const auto holds = [&](const link_route& r) {
        return !r.own[0] && ended->connection >= 0 && std::count(r.connections.begin(), r.connections.end(), ended->connection) > 0;
      };
      if (p.up && holds(p.up->route)) end(p, {errc::unavailable, ended->problem, {}}, false);
      if (p.greeting_now && holds(p.greeting_now->route)) p.greeting_now.reset();
    }
  }
}

void links_thread::from_router(socket_message m) {
  for (auto& p : peers_)
    for (auto l : {lane::control, lane::bulk}) {
      if (p.up && p.up->route.identities[index(l)] == m.identity) return receive(p, l, std::move(m));
    }
  router_->woken(false, true);
  drain_router_ends(); // of what happened before this message was sent
  greet_back(std::move(m));
}

void links_thread::receive(peer_state& p, lane l, socket_message m) {
  const auto number = p.up->number;
  auto b = read_batch(m.first.share(), std::move(m.rest), setup_->limits.frames);
  if (b && b->messages.size() == 1 && b->messages[0].target == link_address && b->messages[0].frame.type == frame_type::Refusal)
    return end(p, refusal_in(b->messages[0]), true);
  auto ok = b ? p.up->protocol->receive(l, std::move(*b), now_us(system())) : tl::unexpected<error>(b.error());
  if (ok) return;
  if (p.up && p.up->number == number) {
    ++bad_;
    end(p, ok.error(), true);
  }
}

std::unique_ptr<link_effects> links_thread::make_effects(peer_state& p, connection& c) { return std::make_unique<effects_of>(*this, p, c); }

void links_thread::deliver(connection& c, link_message m) {
  const auto sender = m.sender != 0 ? remote(c, m.sender) : nullptr;
  const auto id = caf::message_id(m.request);
  const auto it = c.known.find(m.target);
  if (it == c.known.end()) return fail_request(sender, id); // it ended; the peer will hear
  if (id.is_response()) return answer(c, it->second, sender, std::move(m));
  if (!m.frame.storage) return;
  const auto request = caf::make_message_id(m.request & caf::message_id::request_id_mask);
  it->second->enqueue(to_element(m.frame, sender, id.is_request() ? request : caf::make_message_id()), nullptr);
}

// Only to what was asked, and once.
void links_thread::answer(connection& c, const caf::strong_actor_ptr& asker, const caf::strong_actor_ptr& sender, link_message m) {
  const auto open = c.requests.find({m.target, m.request & caf::message_id::request_id_mask});
  if (open == c.requests.end()) return;
  const auto question = open->second.question;
  c.requests.erase(open);
  if (!m.frame.storage) return fail_request(asker, question);
  asker->enqueue(to_element(m.frame, sender, question.response_id()), nullptr);
}

void links_thread::offered(peer_state& p, connection& c, offer o) {
  if (o.actor == link_address) return;
  c.offers[o.name] = o.actor;
  const auto [first, last] = importers_.equal_range(std::pair(p.config.node, o.name));
  for (auto it = first; it != last; ++it) tell(it->second, p.config.node, o.name, remote(c, o.actor));
}

void links_thread::flush() {
  for (auto& p : peers_)
    if (p.up) p.up->protocol->flush();
}

void links_thread::put(peer_state& p, link_route& route, lane l, std::vector<std::byte> first, const std::vector<attachment>& rest) {
  if (p.lines.empty()) return put_now(route, l, std::move(first), rest);
  auto bytes = first.size();
  for (const auto& a : rest) bytes += a.bytes().size();
  const auto at = p.lines[index(l)].arrival_us(bytes, now_us(system()));
  route.on_the_way[index(l)].push_back({at, std::move(first), rest});
}

void links_thread::put_now(link_route& route, lane l, std::vector<std::byte> first, const std::vector<attachment>& rest) {
  auto* s = route.own[index(l)] ? route.own[index(l)].get() : router_ ? &*router_ : nullptr;
  if (s) s->send(route.identities[index(l)], std::move(first), rest);
}

// What an emulated line has delivered by now. Returns when it will deliver the next.
std::uint64_t links_thread::arrive(peer_state& p, std::uint64_t now) {
  auto next = UINT64_MAX;
  auto* route = p.lines.empty() ? nullptr : route_of(p);
  for (std::size_t l = 0; route && l < n_lanes; ++l) {
    auto& queue = route->on_the_way[l];
    for (; !queue.empty() && queue.front().arrival_us <= now; queue.pop_front())
      put_now(*route, static_cast<lane>(l), std::move(queue.front().first), queue.front().rest);
    if (!queue.empty()) next = std::min(next, queue.front().arrival_us);
  }
  return next;
}

} // namespace tokamak::network
