// The loop and the mailbox of the links actor.
#include "network/links.hpp"

#include "base/log.hpp"
#include "message/actor_clock.hpp"
#include "message/status.hpp"
#include "network/links_thread.hpp"

#include <algorithm>

namespace tokamak::network {

links_thread::links_thread(caf::actor_config& config, std::shared_ptr<links_setup> setup, std::shared_ptr<link_context> context,
                           std::shared_ptr<std::optional<link_socket>> router)
    : caf::blocking_actor(config), setup_(std::move(setup)), context_(std::move(context)), router_(std::move(*router)) {
  for (auto& p : setup_->peers) {
    const auto line = p.line;
    peers_.push_back({std::move(p), nullptr, {}, 0, 0, {}, {}});
    for (std::size_t l = 0; line.emulated() && l < n_lanes; ++l) peers_.back().lines.emplace_back(line, now_us(system()), l);
  }
}

void links_thread::enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) {
  blocking_actor::enqueue(std::move(element), unit);
  out_->ring();
}

void links_thread::act() {
  while (!stop_) {
    drain_mailbox();
    drain_outbox(burst);
    drain_sockets();
    const auto now = now_us(system());
    for (auto& p : peers_) keep_up(p, now);
    flush();
    auto next = next_event_us(now);
    for (auto& p : peers_) next = std::min(next, arrive(p, now));
    if (!stop_) wait(now, next);
  }
  leave();
  out_->close();
  drain_outbox(SIZE_MAX);
}

// Sessions end with words of both sides. A connection that is closed earlier can take with it what was said last, such as the ends of answers
// after a drain: the other side may see its end first, and a closed connection that is sent to is reset.
void links_thread::leave() {
  const error why{errc::unavailable, fmt::format("node '{}' is shutting down", setup_->own.node), {}};
  const auto until = now_us(system()) + longest_leave_us;
  std::set<std::uint64_t> told;
  for (;;) {
    drain_mailbox();
    drain_outbox(burst);
    drain_sockets();
    flush();
    const auto now = now_us(system());
    auto next = until;
    for (auto& p : peers_) {
      if (p.up && p.up->protocol->all_sent() && told.insert(p.up->number).second) say_end(p, why);
      next = std::min(next, arrive(p, now));
    }
    if (now >= until || std::ranges::none_of(peers_, [](const auto& p) { return p.up != nullptr; })) break;
    wait(now, next);
  }
  for (auto& p : peers_)
    if (p.up) end(p, why, !told.contains(p.up->number));
}

void links_thread::drain_mailbox() {
  for (std::size_t i = 0; i < burst && has_next_message(); ++i)
    if (auto element = dequeue()) {
      drain_outbox(SIZE_MAX); // whose end is told here may have sent before
      handle(*element);
    }
}

void links_thread::drain_outbox(std::size_t most) {
  for (; most > 0; --most) {
    if (next_out_ == taken_out_.size()) {
      next_out_ = 0;
      out_->take(taken_out_);
      if (taken_out_.empty()) return;
    }
    send_out(taken_out_[next_out_++]);
  }
}

void links_thread::handle(caf::mailbox_element& e) {
  auto& content = e.content();
  if (content.match_elements<export_atom, std::string, caf::strong_actor_ptr>()) {
    offer_actor(content.get_as<std::string>(1), content.get_as<caf::strong_actor_ptr>(2));
  } else if (content.match_elements<import_atom, std::string, std::string>()) {
    import(content.get_as<std::string>(1), content.get_as<std::string>(2), e.sender);
  } else if (content.match_elements<frame_of<wire::StatusRequest>>()) {
    if (e.sender) e.sender->enqueue(ctrl(), e.mid.response_id(), caf::make_message(status()), nullptr);
  } else if (content.match_elements<caf::down_msg>()) {
    actor_ended(content.get_as<caf::down_msg>(0).source.id());
  } else if (content.match_elements<caf::exit_msg>()) {
    stop_ = true;
  }
}

peer_state* links_thread::peer_of(std::uint64_t number) {
  for (auto& p : peers_)
    if (p.up && p.up->number == number) return &p;
  return nullptr;
}

void links_thread::send_out(outbound& m) {
  auto* p = peer_of(m.connection);
  if (!p) return fail_request(m.sender, m.id);
  link_message out;
  out.target = m.target;
  out.request = m.id.is_async() ? 0 : m.id.integer_value();
  out.frame = std::move(m.frame);
  if (m.sender) {
    out.sender = make_known(*p->up, m.sender);
    if (m.id.is_request())
      p->up->requests.try_emplace({out.sender, m.id.integer_value() & caf::message_id::request_id_mask}, asked{std::move(m.sender), m.id});
  }
  if (auto ok = p->up->protocol->send(std::move(out)); !ok) end(*p, ok.error(), true);
}

// The peer may write to it from now on, and hears of its end.
std::uint64_t links_thread::make_known(connection& c, const caf::strong_actor_ptr& actor) {
  const auto id = actor->id();
  if (c.known.try_emplace(id, actor).second && watched_.insert(id).second) monitor(actor);
  return id;
}

void links_thread::actor_ended(std::uint64_t id) {
  watched_.erase(id);
  for (auto it = offered_.begin(); it != offered_.end();) it = it->second->id() == id ? offered_.erase(it) : std::next(it);
  for (auto& p : peers_)
    if (p.up && p.up->known.erase(id) > 0) p.up->protocol->send_gone({id});
}

void links_thread::offer_actor(const std::string& name, const caf::strong_actor_ptr& actor) {
  offered_[name] = actor;
  for (auto& p : peers_)
    if (p.up) p.up->protocol->send_offers({{name, make_known(*p.up, actor)}});
}

void links_thread::import(const std::string& node, const std::string& name, const caf::strong_actor_ptr& importer) {
  importers_.emplace(std::pair(node, name), importer);
  for (auto& p : peers_)
    if (p.config.node == node && p.up)
      if (const auto it = p.up->offers.find(name); it != p.up->offers.end()) tell(importer, node, name, remote(*p.up, it->second));
}

void links_thread::tell(const caf::strong_actor_ptr& importer, const std::string& node, const std::string& name, const caf::strong_actor_ptr& actor) {
  send(caf::actor_cast<import_sink>(importer), imported_atom::value, node, name, actor);
}

caf::strong_actor_ptr links_thread::remote(connection& c, std::uint64_t number) {
  auto& actor = c.remote[number];
  if (!actor) actor = make_remote_actor(system(), out_, c.number, number);
  return actor;
}

// Sums over the sessions, then each link.
frame_of<wire::ActorStatus> links_thread::status() {
  link_counters sum;
  double up = 0;
  std::vector<std::pair<std::string, double>> of_each;
  for (const auto& p : peers_) {
    const auto c = p.up ? p.up->protocol->counts() : link_counters{};
    if (p.up) ++up;
    sum.frames_sent += c.frames_sent;
    sum.frames_received += c.frames_received;
    sum.queued_bytes += c.queued_bytes;
    sum.round_trip_us = std::max(sum.round_trip_us, c.round_trip_us);
    for (std::size_t l = 0; l < n_lanes; ++l) {
      sum.sent[l] += c.sent[l];
      sum.received[l] += c.received[l];
    }
    const auto add = [&](const char* what, std::uint64_t value) { of_each.emplace_back(p.config.node + "." + what, static_cast<double>(value)); };
    add("up", p.up ? 1 : 0);
    add("round_trip_us", c.round_trip_us);
    add("bytes_sent", c.sent[0] + c.sent[1]);
    add("bytes_received", c.received[0] + c.received[1]);
    add("queued_bytes", c.queued_bytes);
  }
  std::vector<std::pair<std::string, double>> all{{"nodes", static_cast<double>(peers_.size())},
                                                  {"nodes_up", up},
                                                  {"sessions", static_cast<double>(sessions_)},
                                                  {"sessions_lost", static_cast<double>(lost_)},
                                                  {"refused", static_cast<double>(refused_)},
                                                  {"refused_keys", static_cast<double>(context_->refused())},
                                                  {"bad_messages", static_cast<double>(bad_)},
                                                  {"round_trip_us", static_cast<double>(sum.round_trip_us)},
                                                  {"frames_sent", static_cast<double>(sum.frames_sent)},
                                                  {"frames_received", static_cast<double>(sum.frames_received)},
                                                  {"control_bytes_sent", static_cast<double>(sum.sent[0])},
                                                  {"control_bytes_received", static_cast<double>(sum.received[0])},
                                                  {"bulk_bytes_sent", static_cast<double>(sum.sent[1])},
                                                  {"bulk_bytes_received", static_cast<double>(sum.received[1])},
                                                  {"queued_bytes", static_cast<double>(sum.queued_bytes)}};
  all.insert(all.end(), of_each.begin(), of_each.end());
  return make_status(setup_->own.node, "links", all);
}

// Until there is something to do. Sockets say through their file descriptors when it is worth asking them.
void links_thread::wait(std::uint64_t now, std::uint64_t next) {
  waits_.clear();
  waits_.push_back({out_->fd(), POLLIN, 0});
  watched_sockets_.clear();
  const auto add = [&](link_socket& s) {
    watched_sockets_.push_back(&s);
    waits_.push_back({s.fd(), POLLIN, 0});
    waits_.push_back({s.monitor_fd(), POLLIN, 0});
  };
  if (router_) add(*router_);
  for (auto& p : peers_)
    for (auto l : {lane::control, lane::bulk})
      if (auto* s = dealer(p, l)) add(*s);
  const auto may_have_some = [](const link_socket* s) { return s->may_have_messages(); };
  const auto busy = [&] { return has_next_message() || next_out_ < taken_out_.size() || !out_->empty() || std::ranges::any_of(watched_sockets_, may_have_some); };
  const auto come = [&](int timeout_ms) { return ::poll(waits_.data(), waits_.size(), timeout_ms) > 0; };
  wait_pace::traffic moved;
  for (const auto& p : peers_) {
    if (!p.up) continue;
    const auto& c = p.up->protocol->counts();
    moved.sent += c.frames_sent;
    moved.received += c.frames_received;
    moved.bytes += c.sent[0] + c.sent[1] + c.received[0] + c.received[1];
  }
  pace_.begin(moved);
  bool ready = come(0) || busy() || next <= now;
  while (!ready && pace_.stay_awake()) ready = come(0) || busy();
  if (!ready) {
    out_->fall_asleep();
    come(busy() ? 0 : static_cast<int>((next - now) / 1000 + 1));
  }
  out_->wake_up(waits_[0].revents != 0); // also where it was rung as the last sleep ended
  pace_.end();
  for (std::size_t i = 0; i < watched_sockets_.size(); ++i) watched_sockets_[i]->woken(waits_[2 * i + 1].revents != 0, waits_[2 * i + 2].revents != 0);
}

expected<links> spawn_links(caf::actor_system& system, links_setup setup) {
  auto context = link_context::open(setup.keys, std::size_t{2} << 30);
  if (!context) return fail(context.error());
  auto router = std::make_shared<std::optional<link_socket>>();
  links made;
  if (!setup.bind.empty()) {
    auto bound = context->listen(setup.bind);
    if (!bound) return fail(bound.error());
    made.address = bound->address();
    *router = std::move(*bound);
  }
  // Sockets are made here, so that a taken port is an error of the start, and used by one thread from then on.
  auto actor = system.spawn<links_thread, caf::detached>(std::make_shared<links_setup>(std::move(setup)),
                                                         std::make_shared<link_context>(std::move(*context)), router);
  made.actor = caf::actor_cast<links_actor>(actor);
  return made;
}

} // namespace tokamak::network
