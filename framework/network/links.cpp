// One thread that waits for its mailbox, its sockets and its clock (the pattern of zmq_frontend.cpp).
#include "network/links.hpp"

#include "base/log.hpp"
#include "message/actor_clock.hpp"
#include "message/any_message.hpp"
#include "message/status.hpp"
#include "message/wire_error.hpp"
#include "network/link_peers.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <random>

namespace tokamak::network {
namespace {

constexpr std::uint64_t first_back_off_us = 100'000, most_back_off_us = 5'000'000, greeting_us = 3'000'000;

class links_thread final : public caf::blocking_actor {
public:
  links_thread(caf::actor_config& config, std::shared_ptr<links_setup> setup, std::shared_ptr<link_context> context,
               std::shared_ptr<std::optional<link_socket>> router)
      : caf::blocking_actor(config), setup_(std::move(setup)), context_(std::move(context)), router_(std::move(*router)) {
    for (auto& p : setup_->peers) {
      const auto line = p.line;
      peers_.push_back({std::move(p), nullptr, {}, 0, 0, {}, {}});
      for (std::size_t l = 0; line.emulated() && l < n_lanes; ++l) peers_.back().lines.emplace_back(line, now_us(system()), l);
    }
  }
  ~links_thread() override { ::close(wake_fd_); }

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override {
    blocking_actor::enqueue(std::move(element), unit);
    if (parked_.load() && parked_.exchange(false)) eventfd_write(wake_fd_, 1);
  }

  void act() override {
    while (!stop_) {
      bool worked = drain_mailbox();
      worked |= drain_sockets();
      const auto now = now_us(system());
      for (auto& p : peers_) keep_up(p, now);
      flush();
      auto next = next_event_us(now);
      for (auto& p : peers_) next = std::min(next, arrive(p, now));
      if (!worked && !stop_) park(now, next);
    }
    for (auto& p : peers_)
      if (p.up) end(p, {errc::unavailable, fmt::format("node '{}' is shutting down", setup_->own.node), {}}, true);
  }

private:
  static constexpr int burst = 256; // so that neither side starves the other

  // ---- mailbox -------------------------------------------------------------------------------------------------

  bool drain_mailbox() {
    bool did = false;
    for (int i = 0; i < burst && has_next_message(); ++i)
      if (auto element = dequeue()) {
        did = true;
        handle(*element);
      }
    return did;
  }

  void handle(caf::mailbox_element& e) {
    auto& content = e.content();
    if (content.match_elements<outbound>()) {
      send_out(content.get_mutable_as<outbound>(0));
    } else if (content.match_elements<export_atom, std::string, caf::strong_actor_ptr>()) {
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

  peer_state* peer_of(std::uint64_t number) {
    for (auto& p : peers_)
      if (p.up && p.up->number == number) return &p;
    return nullptr;
  }

  void send_out(outbound& m) {
    auto* p = peer_of(m.connection);
    if (!p) return fail_request(m.sender, m.id);
    link_message out;
    out.target = m.target;
    out.request = m.id.is_async() ? 0 : m.id.integer_value();
    if (auto frame = frame_in(m.content)) {
      out.frame = std::move(*frame);
    } else if (!m.id.is_response()) { // an error as the answer goes as a record without a frame
      log::error("links", "message.not_a_frame", {{"content", caf::to_string(m.content)}});
      return fail_request(m.sender, m.id);
    }
    if (m.sender) {
      out.sender = make_known(*p->up, m.sender);
      if (m.id.is_request()) p->up->requests.emplace(open_request{m.sender->address(), m.id.integer_value()}, m.sender);
    }
    if (auto ok = p->up->protocol->send(std::move(out)); !ok) end(*p, ok.error(), true);
  }

  // The peer may write to it from now on, and hears of its end.
  std::uint64_t make_known(connection& c, const caf::strong_actor_ptr& actor) {
    const auto id = actor->id();
    if (c.known.emplace(id, actor).second && watched_.insert(id).second) monitor(actor);
    return id;
  }

  void actor_ended(std::uint64_t id) {
    watched_.erase(id);
    for (auto it = offered_.begin(); it != offered_.end();) it = it->second->id() == id ? offered_.erase(it) : std::next(it);
    for (auto& p : peers_)
      if (p.up && p.up->known.erase(id) > 0) p.up->protocol->send_gone({id});
  }

  void offer_actor(const std::string& name, const caf::strong_actor_ptr& actor) {
    offered_[name] = actor;
    for (auto& p : peers_)
      if (p.up) p.up->protocol->send_offers({{name, make_known(*p.up, actor)}});
  }

  void import(const std::string& node, const std::string& name, const caf::strong_actor_ptr& importer) {
    importers_.emplace(std::pair(node, name), importer);
    for (auto& p : peers_)
      if (p.config.node == node && p.up)
        if (const auto it = p.up->offers.find(name); it != p.up->offers.end()) tell(importer, node, name, remote(*p.up, it->second));
  }

  void tell(const caf::strong_actor_ptr& importer, const std::string& node, const std::string& name, const caf::strong_actor_ptr& actor) {
    send(caf::actor_cast<import_sink>(importer), imported_atom::value, node, name, actor);
  }

  caf::strong_actor_ptr remote(connection& c, std::uint64_t number) {
    auto& actor = c.remote[number];
    if (!actor) actor = make_remote_actor(system(), ctrl(), c.number, number);
    return actor;
  }

  frame_of<wire::ActorStatus> status() {
    link_counters sum;
    double up = 0;
    for (const auto& p : peers_)
      if (p.up) {
        const auto& c = p.up->protocol->counts();
        ++up;
        sum.frames_sent += c.frames_sent;
        sum.frames_received += c.frames_received;
        sum.queued_bytes += c.queued_bytes;
        sum.round_trip_us = std::max(sum.round_trip_us, c.round_trip_us);
        for (std::size_t l = 0; l < n_lanes; ++l) {
          sum.sent[l] += c.sent[l];
          sum.received[l] += c.received[l];
        }
      }
    return make_status(setup_->own.node, "links",
                       {{"nodes", static_cast<double>(peers_.size())},
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
                        {"queued_bytes", static_cast<double>(sum.queued_bytes)}});
  }

  // ---- sockets -------------------------------------------------------------------------------------------------

  bool drain_sockets() {
    bool did = false;
    if (router_) {
      did |= drain_router_ends();
      for (int i = 0; i < burst; ++i) {
        auto m = router_->receive();
        if (!m) break;
        did = true;
        drain_router_ends(); // of what happened before this message was sent
        from_router(std::move(*m));
      }
    }
    for (auto& p : peers_)
      for (auto l : {lane::control, lane::bulk}) did |= drain_dealer(p, l);
    return did;
  }

  link_socket* dealer(peer_state& p, lane l) {
    auto* route = route_of(p);
    return route ? route->own[index(l)].get() : nullptr;
  }

  bool drain_dealer(peer_state& p, lane l) {
    bool did = false;
    if (auto* s = dealer(p, l))
      if (const auto ended = s->next_end()) {
        lose(p, {errc::unavailable, ended->problem, {}});
        return true;
      }
    for (int i = 0; i < burst; ++i) {
      auto* s = dealer(p, l); // a message may end the session
      if (!s) break;
      auto m = s->receive();
      if (!m) break;
      did = true;
      p.up ? receive(p, l, std::move(*m)) : greeted(p, std::move(*m));
    }
    return did;
  }

  bool drain_router_ends() {
    bool did = false;
    while (const auto ended = router_->next_end()) {
      did = true;
      for (auto& p : peers_) {
        const auto holds = [&](const link_route& r) {
          return !r.own[0] && ended->connection >= 0 && std::count(r.connections.begin(), r.connections.end(), ended->connection) > 0;
        };
        if (p.up && holds(p.up->route)) end(p, {errc::unavailable, ended->problem, {}}, false);
        if (p.greeting_now && holds(p.greeting_now->route)) p.greeting_now.reset();
      }
    }
    return did;
  }

  void from_router(socket_message m) {
    for (auto& p : peers_)
      for (auto l : {lane::control, lane::bulk}) {
        if (p.up && p.up->route.identities[index(l)] == m.identity) return receive(p, l, std::move(m));
      }
    greet_back(std::move(m));
  }

  void receive(peer_state& p, lane l, socket_message m) {
    const auto number = p.up->number;
    auto b = read_batch(m.first, std::move(m.rest), setup_->limits.frames);
    if (b && b->messages.size() == 1 && b->messages[0].target == link_address && b->messages[0].frame.type == frame_type::Refusal)
      return lose(p, refusal_in(b->messages[0]));
    auto ok = b ? p.up->protocol->receive(l, std::move(*b), now_us(system())) : tl::unexpected<error>(b.error());
    if (ok) return;
    if (p.up && p.up->number == number) {
      ++bad_;
      end(p, ok.error(), true);
    }
  }

  static error refusal_in(const link_message& m) {
    const auto r = m.frame.as<wire::Refusal>();
    return r->error() ? from_wire(*r->error()) : error{errc::unavailable, "refused without a reason", {}};
  }

  // ---- greetings -----------------------------------------------------------------------------------------------

  // First words of a connection from outside: a Hello on either lane.
  void greet_back(socket_message m) {
    auto b = read_batch(m.first, std::move(m.rest), setup_->limits.frames);
    if (!b) return refuse(m, 0, b.error(), true);
    const auto is_hello = b->messages.size() == 1 && b->messages[0].target == link_address && b->messages[0].frame.type == frame_type::Hello;
    if (!is_hello) { // left over from a session that ended here, unless somebody makes it up
      const bool quiet = b->messages.size() == 1 && b->messages[0].frame.type == frame_type::Refusal;
      return quiet ? void() : refuse(m, 0, {errc::unavailable, "there is no such session", {}}, false);
    }
    const auto hello = b->messages[0].frame.as<wire::Hello>();
    const auto node = hello->node() ? hello->node()->str() : std::string();
    const auto it = std::find_if(peers_.begin(), peers_.end(), [&](const auto& p) { return p.config.node == node && p.config.address.empty(); });
    if (it == peers_.end())
      return refuse(m, hello->session(), {errc::not_found, fmt::format("node '{}' expects no connection from a node '{}'", setup_->own.node, node), {}}, true);
    if (auto ok = check_hello(*hello, setup_->own, it->config.node, m.key_owner); !ok) return refuse(m, hello->session(), ok.error(), true);
    if (it->up && it->up->peer_epoch != hello->epoch())
      return refuse(m, hello->session(), {errc::already_exists, fmt::format("node '{}' is connected already, from another process", node), {}}, false);
    collect(*it, m, hello);
  }

  // A session begins when both lanes have greeted, in whichever order.
  void collect(peer_state& p, const socket_message& m, const frame_of<wire::Hello>& hello) {
    if (!p.greeting_now || p.greeting_now->session != hello->session())
      p.greeting_now = greeting{hello->session(), {}, {}, now_us(system()) + greeting_us};
    auto& g = *p.greeting_now;
    const auto l = hello->lane() == wire::Lane::bulk ? lane::bulk : lane::control;
    g.route.identities[index(l)] = m.identity;
    g.route.connections[index(l)] = m.connection;
    if (l == lane::control) g.hello = hello;
    if (!g.route.complete() || !g.hello) return;
    if (p.up) end(p, {errc::unavailable, "another session began", {}}, false);
    auto done = std::move(g);
    p.greeting_now.reset();
    begin(p, std::move(done), true);
  }

  void connect(peer_state& p, std::uint64_t now) {
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

  void say_hello(peer_state& p, link_route& route, std::uint64_t session, lane l) {
    batch_writer w;
    w.add({link_address, 0, 0, make_hello(setup_->own, session, l, setup_->limits)});
    put(p, route, l, w.take({}), {});
  }

  // The answer to this node's Hello.
  void greeted(peer_state& p, socket_message m) {
    auto b = read_batch(m.first, std::move(m.rest), setup_->limits.frames);
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

  class effects_of final : public link_effects {
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

  void begin(peer_state& p, greeting g, bool answer) {
    auto c = std::make_unique<connection>();
    c->number = ++connections_made_;
    c->session = g.session;
    c->peer_epoch = (*g.hello)->epoch();
    c->route = std::move(g.route);
    effects_[c->number] = std::make_unique<effects_of>(*this, p, *c);
    const auto* window = (*g.hello)->window_bytes();
    c->protocol = std::make_unique<link_session>(setup_->limits, received_bytes{window->Get(0), window->Get(1)}, *effects_[c->number], now_us(system()));
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

  void offered(peer_state& p, connection& c, offer o) {
    if (o.actor == link_address) return;
    c.offers[o.name] = o.actor;
    const auto [first, last] = importers_.equal_range(std::pair(p.config.node, o.name));
    for (auto it = first; it != last; ++it) tell(it->second, p.config.node, o.name, remote(c, o.actor));
  }

  void deliver(connection& c, link_message m) {
    const auto sender = m.sender != 0 ? remote(c, m.sender) : nullptr;
    const auto id = caf::message_id(m.request);
    const auto it = c.known.find(m.target);
    if (it == c.known.end()) return fail_request(sender, id); // it ended; the peer will hear
    if (id.is_response()) {
      const auto asked = id.integer_value() & caf::message_id::request_id_mask;
      // Only answers to what was asked, and once.
      const auto open = std::find_if(c.requests.begin(), c.requests.end(), [&](const auto& r) {
        return r.first.first == it->second->address() && (r.first.second & caf::message_id::request_id_mask) == asked;
      });
      if (open == c.requests.end()) return;
      const auto question = caf::message_id(open->first.second);
      c.requests.erase(open);
      if (!m.frame.storage) return fail_request(it->second, question);
      it->second->enqueue(sender, question.response_id(), to_message(m.frame), nullptr);
      return;
    }
    if (!m.frame.storage) return;
    const auto plain = caf::make_message_id(m.request & caf::message_id::request_id_mask);
    it->second->enqueue(sender, id.is_request() ? plain : caf::make_message_id(), to_message(m.frame), nullptr);
  }

  // ---- ends ----------------------------------------------------------------------------------------------------

  void refuse(const socket_message& m, std::uint64_t session, const error& why, bool count) {
    wire::RefusalT refusal;
    refusal.session = session;
    refusal.error = to_wire(why);
    batch_writer w;
    w.add({link_address, 0, 0, make_frame<wire::Refusal>(refusal)});
    router_->send(m.identity, w.take({}), {});
    if (!count) return;
    ++refused_;
    if (told_.size() < 1000 && told_.insert(why.message).second) log::warning("links", "refused", {{"reason", why.message}});
  }

  // This node's connection to p failed or ended: there will be another.
  void lose(peer_state& p, const error& why) {
    if (p.up) end(p, why, false);
    else try_again(p, why);
  }

  void try_again(peer_state& p, const error& why) {
    p.greeting_now.reset();
    p.back_off_us = p.back_off_us == 0 ? first_back_off_us : std::min(2 * p.back_off_us, most_back_off_us);
    p.retry_at_us = now_us(system()) + p.back_off_us / 2 + random_() % (p.back_off_us / 2);
    if (why.message == p.last_problem) return; // once
    p.last_problem = why.message;
    log::warning("links", "no_session", {{"node", p.config.node}, {"address", p.config.address}, {"reason", why.message}});
  }

  void end(peer_state& p, const error& why, bool tell_peer) {
    auto c = std::move(p.up);
    ++lost_;
    if (!stop_) log::warning("links", "down", {{"node", p.config.node}, {"reason", why.message}});
    if (tell_peer) {
      wire::RefusalT refusal;
      refusal.session = c->session;
      refusal.error = to_wire(why);
      batch_writer w;
      w.add({link_address, 0, 0, make_frame<wire::Refusal>(refusal)});
      put(p, c->route, lane::control, w.take({}), {});
    }
    effects_.erase(c->number);
    for (const auto& [question, asker] : c->requests) fail_request(asker, caf::message_id(question.second));
    for (const auto& [number, actor] : c->remote) end_remote_actor(actor);
    if (!p.config.address.empty()) p.retry_at_us = now_us(system()) + first_back_off_us;
  }

  // ---- time ----------------------------------------------------------------------------------------------------

  void keep_up(peer_state& p, std::uint64_t now) {
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

  std::uint64_t next_event_us(std::uint64_t now) const {
    auto next = now + 60'000'000;
    for (const auto& p : peers_) {
      if (p.up) next = std::min(next, p.up->protocol->next_tick_us());
      else if (p.greeting_now) next = std::min(next, p.greeting_now->until_us);
      else if (!p.config.address.empty()) next = std::min(next, p.retry_at_us);
    }
    return next;
  }

  void flush() {
    for (auto& p : peers_)
      if (p.up) p.up->protocol->flush();
  }

  void put(peer_state& p, link_route& route, lane l, std::vector<std::byte> first, const std::vector<attachment>& rest) {
    if (p.lines.empty()) return put_now(route, l, std::move(first), rest);
    auto bytes = first.size();
    for (const auto& a : rest) bytes += a.bytes().size();
    const auto at = p.lines[index(l)].arrival_us(bytes, now_us(system()));
    route.on_the_way[index(l)].push_back({at, std::move(first), rest});
  }

  void put_now(link_route& route, lane l, std::vector<std::byte> first, const std::vector<attachment>& rest) {
    auto* s = route.own[index(l)] ? route.own[index(l)].get() : router_ ? &*router_ : nullptr;
    if (s) s->send(route.identities[index(l)], std::move(first), rest);
  }

  link_route* route_of(peer_state& p) { return p.up ? &p.up->route : p.greeting_now ? &p.greeting_now->route : nullptr; }

  // What an emulated line has delivered by now. Returns when it will deliver the next.
  std::uint64_t arrive(peer_state& p, std::uint64_t now) {
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

  void park(std::uint64_t now, std::uint64_t next) {
    parked_ = true;
    if (has_next_message()) {
      parked_ = false;
      return;
    }
    items_.clear();
    items_.push_back({nullptr, wake_fd_, ZMQ_POLLIN, 0});
    const auto add = [&](const link_socket& s) {
      items_.push_back({s.handle(), 0, ZMQ_POLLIN, 0});
      items_.push_back({s.monitor_handle(), 0, ZMQ_POLLIN, 0});
    };
    if (router_) add(*router_);
    for (auto& p : peers_)
      for (auto l : {lane::control, lane::bulk})
        if (const auto* s = dealer(p, l)) add(*s);
    zmq_poll(items_.data(), static_cast<int>(items_.size()), next > now ? static_cast<long>((next - now) / 1000 + 1) : 0);
    parked_ = false;
    eventfd_t value;
    eventfd_read(wake_fd_, &value);
  }

  std::shared_ptr<links_setup> setup_;
  std::shared_ptr<link_context> context_; ///< outlives the sockets
  std::optional<link_socket> router_;
  std::vector<peer_state> peers_;
  std::map<std::uint64_t, std::unique_ptr<effects_of>> effects_; ///< by connection
  std::map<std::string, caf::strong_actor_ptr> offered_;
  std::multimap<std::pair<std::string, std::string>, caf::strong_actor_ptr> importers_; ///< by node and name
  std::set<std::uint64_t> watched_;
  std::set<std::string> told_; ///< refusals in the log
  std::vector<zmq_pollitem_t> items_;
  std::mt19937_64 random_{std::random_device{}()};
  std::uint64_t connections_made_ = 0, sessions_ = 0, lost_ = 0, refused_ = 0, bad_ = 0;
  int wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::atomic<bool> parked_{false};
  bool stop_ = false;
};

} // namespace

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
