// The links actor itself, private to links.cpp (its mailbox and its loop), links_greetings.cpp (how sessions begin and end)
// and links_traffic.cpp (what passes between sockets and sessions).
#pragma once

#include "network/link_peers.hpp"
#include "network/links.hpp"
#include "network/wait_pace.hpp"

#include <poll.h>

#include <map>
#include <random>
#include <set>

namespace tokamak::network {

/// One thread that waits for its mailbox, its sockets and its clock: senders wake it through its outbox only while it sleeps.
class links_thread final : public caf::blocking_actor {
public:
  /// `router`: null where nobody connects to this node.
  links_thread(caf::actor_config& config, std::shared_ptr<links_setup> setup, std::shared_ptr<link_context> context,
               std::shared_ptr<std::optional<link_socket>> router);

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override;
  void act() override;

private:
  static constexpr std::size_t burst = 256; // so that neither side starves the other
  static constexpr std::uint64_t longest_leave_us = 1'000'000; // for a peer that does not answer

  class effects_of; // what a session does to this actor

  // links.cpp
  void drain_mailbox();
  void drain_outbox(std::size_t most);
  void handle(caf::mailbox_element& e);
  peer_state* peer_of(std::uint64_t number);
  void send_out(outbound& m);
  std::uint64_t make_known(connection& c, const caf::strong_actor_ptr& actor);
  void actor_ended(std::uint64_t id);
  void offer_actor(const std::string& name, const caf::strong_actor_ptr& actor);
  void import(const std::string& node, const std::string& name, const caf::strong_actor_ptr& importer);
  void tell(const caf::strong_actor_ptr& importer, const std::string& node, const std::string& name, const caf::strong_actor_ptr& actor);
  caf::strong_actor_ptr remote(connection& c, std::uint64_t number);
  frame_of<wire::ActorStatus> status();
  void leave();
  void wait(std::uint64_t now, std::uint64_t next);

  // links_traffic.cpp
  void drain_sockets();
  link_socket* dealer(peer_state& p, lane l);
  void drain_dealer(peer_state& p, lane l);
  void drain_router_ends();
  void from_router(socket_message m);
  void receive(peer_state& p, lane l, socket_message m);
  std::unique_ptr<link_effects> make_effects(peer_state& p, connection& c);
  void deliver(connection& c, link_message m);
  void answer(connection& c, const caf::strong_actor_ptr& asker, const caf::strong_actor_ptr& sender, link_message m);
  void offered(peer_state& p, connection& c, offer o);
  void flush();
  void put(peer_state& p, link_route& route, lane l, std::vector<std::byte> first, const std::vector<attachment>& rest);
  void put_now(link_route& route, lane l, std::vector<std::byte> first, const std::vector<attachment>& rest);
  link_route* route_of(peer_state& p) { return p.up ? &p.up->route : p.greeting_now ? &p.greeting_now->route : nullptr; }
  std::uint64_t arrive(peer_state& p, std::uint64_t now);

  // links_greetings.cpp
  static error refusal_in(const link_message& m);
  void greet_back(socket_message m);
  void collect(peer_state& p, const socket_message& m, const frame_of<wire::Hello>& hello);
  void connect(peer_state& p, std::uint64_t now);
  void say_hello(peer_state& p, link_route& route, std::uint64_t session, lane l);
  void greeted(peer_state& p, socket_message m);
  void begin(peer_state& p, greeting g, bool answer);
  void refuse(const socket_message& m, std::uint64_t session, const error& why, bool count);
  void lose(peer_state& p, const error& why);
  void try_again(peer_state& p, const error& why);
  void say_end(peer_state& p, const error& why);
  void end(peer_state& p, const error& why, bool tell_peer);
  void keep_up(peer_state& p, std::uint64_t now);
  std::uint64_t next_event_us(std::uint64_t now) const;

  std::shared_ptr<links_setup> setup_;
  std::shared_ptr<link_context> context_; ///< outlives the sockets
  std::optional<link_socket> router_;
  std::vector<peer_state> peers_;
  std::map<std::string, caf::strong_actor_ptr> offered_;
  std::multimap<std::pair<std::string, std::string>, caf::strong_actor_ptr> importers_; ///< by node and name
  std::set<std::uint64_t> watched_; ///< monitored actors of this node
  std::set<std::string> told_;      ///< refusals in the log
  std::shared_ptr<outbox> out_ = std::make_shared<outbox>();
  std::vector<outbound> taken_out_; ///< from the outbox, of which next_out_ is the first that is not sent
  std::size_t next_out_ = 0;
  std::vector<pollfd> waits_;
  wait_pace pace_;
  std::vector<link_socket*> watched_sockets_;
  std::mt19937_64 random_{std::random_device{}()};
  std::uint64_t connections_made_ = 0, sessions_ = 0, lost_ = 0, refused_ = 0, bad_ = 0;
  bool stop_ = false;
};

} // namespace tokamak::network
