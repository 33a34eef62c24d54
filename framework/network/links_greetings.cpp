// How sessions begin, fail to begin, and end.
#include "network/links_thread.hpp"

#include "base/log.hpp"
#include "message/actor_clock.hpp"
#include "message/wire_error.hpp"

#include <algorithm>

namespace tokamak::network {
namespace {

constexpr std::uint64_t first_back_off_us = 100'000, most_back_off_us = 5'000'000, greeting_us = 3'000'000;

// One frame of the link itself as a message of its own.
template <class T>
std::vector<std::byte> alone(const frame_of<T>& frame) {
  batch_writer w;
  w.add({link_address, 0, 0, frame});
  return w.take({});
}

frame_of<wire::Refusal> refusal(std::uint64_t session, const error& why) {
  wire::RefusalT message;
  message.session = session;
  message.error = to_wire(why);
  return make_frame<wire::Refusal>(message);
}

// The frame of a message that holds one and is about the link.
const any_frame* own_frame(const batch& b, frame_type type) {
  const bool one = b.messages.size() == 1 && b.messages[0].target == link_address;
  return one && b.messages[0].frame.type == type ? &b.messages[0].frame : nullptr;
}

} // namespace

error links_thread::refusal_in(const link_message& m) {
  const auto r = m.frame.as<wire::Refusal>();
  return r->error() ? from_wire(*r->error()) : error{errc::unavailable, "refused without a reason", {}};
}

// First words of a connection from outside: a Hello on either lane.
void links_thread::greet_back(socket_message m) {
  auto b = read_batch(m.first.share(), std::move(m.rest), setup_->limits.frames);
  if (!b) return refuse(m, 0, b.error(), true);
  const auto* said = own_frame(*b, frame_type::Hello);
  if (!said) { // left over from a session that ended here, unless somebody makes it up
    if (!own_frame(*b, frame_type::Refusal)) refuse(m, 0, {errc::unavailable, "there is no such session", {}}, false);
    return;
  }
  const auto hello = said->as<wire::Hello>();
  const auto node = hello->node() ? hello->node()->str() : std::string();
  const auto it = std::find_if(peers_.begin(), peers_.end(), [&](const auto& p) { return p.config.node == node && p.config.address.empty(); });
  if (it == peers_.end())
    return refuse(m, hello->session(), {errc::not_found, fmt::format("node '{}' expects no connection from a node '{}'", setup_->own.node, node), {}}, true);
  if (auto ok = check_hello(*hello, setup_->own, it->config.node, m.first.key_owner()); !ok) return refuse(m, hello->session(), ok.error(), true);
  if (it->up && it->up->peer_epoch != hello->epoch())
    return refuse(m, hello->session(), {errc::already_exists, fmt::format("node '{}' is connected already, from another process", node), {}}, false);
  collect(*it, m, hello);
}

// A session begins when both lanes have greeted, in whichever order.
void links_thread::collect(peer_state& p, const socket_message& m, const frame_of<wire::Hello>& hello) {
  if (!p.greeting_now || p.greeting_now->session != hello->session())
    p.greeting_now = greeting{hello->session(), {}, {}, now_us(system()) + greeting_us};
  auto& g = *p.greeting_now;
  const auto l = hello->lane() == wire::Lane::bulk ? lane::bulk : lane::control;
  g.route.identities[index(l)] = m.identity;
  g.route.connections[index(l)] = m.first.connection();
  if (l == lane::control) g.hello = hello;
  if (!g.route.complete() || !g.hello) return;
  if (p.up) end(p, {errc::unavailable, "another session began", {}}, false);
  auto done = std::move(g);
  p.greeting_now.reset();
  begin(p, std::move(done), true);
}

void links_thread::connect(peer_state& p, std::uint64_t now) {
  greeting g;
  g.session = random_();
  g.until_us = now + greeting_us;
  for (auto l : {lane::control, lane::bulk}) {
    auto s = context_->connect(p.config.address, p.config.public_key);
    if (!s) return try_again(p, s.error());
    g.route.own[index(l)] = std::make_unique<link_socket>(std::move(*s));
  }
  p.greeting_now = std::move(g);
  for (auto l : {lane::control, lane::bulk}) say_hello(p, p.greeting_now->route, p.greeting_now->session, l);
}

void links_thread::say_hello(peer_state& p, link_route& route, std::uint64_t session, lane l) {
  put(p, route, l, alone(make_hello(setup_->own, session, l, setup_->limits)), {});
}

// The answer to this node's Hello.
void links_thread::greeted(peer_state& p, socket_message m) {
  auto b = read_batch(m.first.share(), std::move(m.rest), setup_->limits.frames);
  if (!b) {
    ++bad_;
    return try_again(p, b.error());
  }
  if (b->messages.empty() || b->messages[0].target != link_address) return try_again(p, {errc::corrupt, "no Hello in the first message", {}});
  if (b->messages[0].frame.type == frame_type::Refusal) return try_again(p, refusal_in(b->messages[0]));
  if (b->messages[0].frame.type != frame_type::Hello) return try_again(p, {errc::corrupt, "no Hello in the first message", {}});
  const auto hello = b->messages[0].frame.as<wire::Hello>();
  auto ok = check_hello(*hello, setup_->own, p.config.node, {});
  if (ok && hello->session() != p.greeting_now->session) ok = fail(errc::corrupt, "Hello of another session");
  if (!ok) return try_again(p, ok.error());
  auto g = std::move(*p.greeting_now);
  p.greeting_now.reset();
  g.hello = hello;
  begin(p, std::move(g), false);
}

void links_thread::begin(peer_state& p, greeting g, bool answer) {
  auto c = std::make_unique<connection>();
  c->number = ++connections_made_;
  c->session = g.session;
  c->peer_epoch = (*g.hello)->epoch();
  c->route = std::move(g.route);
  c->effects = make_effects(p, *c);
  const auto* window = (*g.hello)->window_bytes();
  c->protocol = std::make_unique<link_session>(setup_->limits, received_bytes{window->Get(0), window->Get(1)}, *c->effects, now_us(system()));
  if (answer) say_hello(p, c->route, c->session, lane::control);
  std::vector<offer> offers;
  for (const auto& [name, actor] : offered_) offers.push_back({name, make_known(*c, actor)});
  if (!offers.empty()) c->protocol->send_offers(offers);
  p.up = std::move(c);
  p.back_off_us = 0;
  p.last_problem.clear();
  ++sessions_;
  log::info("links", "up", {{"node", p.config.node}, {"keys", setup_->keys ? "yes" : "no"}});
}

void links_thread::refuse(const socket_message& m, std::uint64_t session, const error& why, bool count) {
  router_->send(m.identity, alone(refusal(session, why)), {});
  if (!count) return;
  ++refused_;
  if (told_.size() < 1000 && told_.insert(why.message).second) log::warning("links", "refused", {{"reason", why.message}});
}

// This node's connection to p failed or ended: there will be another.
void links_thread::lose(peer_state& p, const error& why) {
  if (p.up) end(p, why, false);
  else try_again(p, why);
}

void links_thread::try_again(peer_state& p, const error& why) {
  p.greeting_now.reset();
  p.back_off_us = p.back_off_us == 0 ? first_back_off_us : std::min(2 * p.back_off_us, most_back_off_us);
  p.retry_at_us = now_us(system()) + p.back_off_us / 2 + random_() % (p.back_off_us / 2);
  if (why.message == p.last_problem) return; // once
  p.last_problem = why.message;
  log::warning("links", "no_session", {{"node", p.config.node}, {"address", p.config.address}, {"reason", why.message}});
}

void links_thread::say_end(peer_state& p, const error& why) { put(p, p.up->route, lane::control, alone(refusal(p.up->session, why)), {}); }

void links_thread::end(peer_state& p, const error& why, bool tell_peer) {
  auto c = std::move(p.up);
  ++lost_;
  if (!stop_) log::warning("links", "down", {{"node", p.config.node}, {"reason", why.message}});
  if (tell_peer) {
    const int longest_ms = longest_leave_us / 1000;
    if (const auto& s = c->route.own[index(lane::control)]) zmq_setsockopt(s->handle(), ZMQ_LINGER, &longest_ms, sizeof longest_ms);
    put_now(c->route, lane::control, alone(refusal(c->session, why)), {}); // an emulated line ends with its session
  }
  for (const auto& [request, open] : c->requests) fail_request(open.asker, open.question);
  for (const auto& [number, actor] : c->remote) end_remote_actor(actor);
  if (!p.config.address.empty()) p.retry_at_us = now_us(system()) + first_back_off_us;
}

void links_thread::keep_up(peer_state& p, std::uint64_t now) {
  if (p.up) {
    if (auto ok = p.up->protocol->tick(now); !ok) end(p, ok.error(), true);
  } else if (p.greeting_now) {
    if (now < p.greeting_now->until_us) return;
    const error why{errc::unavailable, fmt::format("no answer within {} ms", greeting_us / 1000), {}};
    p.config.address.empty() ? p.greeting_now.reset() : try_again(p, why);
  } else if (!p.config.address.empty() && now >= p.retry_at_us) {
    connect(p, now);
  }
}

std::uint64_t links_thread::next_event_us(std::uint64_t now) const {
  auto next = now + 60'000'000;
  for (const auto& p : peers_) {
    if (p.up) next = std::min(next, p.up->protocol->next_tick_us());
    else if (p.greeting_now) next = std::min(next, p.greeting_now->until_us);
    else if (!p.config.address.empty()) next = std::min(next, p.retry_at_us);
  }
  return next;
}

} // namespace tokamak::network
