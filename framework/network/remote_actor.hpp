// An actor of another node, as an actor of this one: what it is sent goes to the links actor, with the number that the
// other node knows it by. Whoever monitors it hears of the end of the actor, and of the session with its node.
#pragma once

#include "network/link_batch.hpp"

#include <caf/all.hpp>
#include <caf/actor_proxy.hpp>

#include <mutex>

namespace tokamak::network {

/// What a remote_actor gives to the links actor.
struct outbound {
  std::uint64_t connection = 0; ///< the session that the remote actor belongs to
  std::uint64_t target = 0;
  caf::strong_actor_ptr sender;
  caf::message_id id;
  caf::message content;
};

class remote_actor final : public caf::actor_proxy {
public:
  /// `links` gets an outbound for every message.
  remote_actor(caf::actor_config& config, caf::strong_actor_ptr links, std::uint64_t connection, std::uint64_t target)
      : caf::actor_proxy(config), links_(std::move(links)), connection_(connection), target_(target) {}

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override;
  void kill_proxy(caf::execution_unit* unit, caf::error reason) override;

private:
  std::mutex mutex_; // of links_
  caf::strong_actor_ptr links_; ///< null once it ended
  std::uint64_t connection_, target_;
};

/// Any thread. Ends when kill_proxy is called.
caf::strong_actor_ptr make_remote_actor(caf::actor_system& system, caf::strong_actor_ptr links, std::uint64_t connection, std::uint64_t target);

/// Ends it: those who monitor it are told, what it is sent from now on is lost, requests fail.
void end_remote_actor(const caf::strong_actor_ptr& actor);

/// Tells the sender of a request that there will be no answer. Nothing for other messages.
void fail_request(const caf::strong_actor_ptr& sender, caf::message_id id);

} // namespace tokamak::network

namespace caf {
template <>
struct allowed_unsafe_message_type<tokamak::network::outbound> : std::true_type {};
} // namespace caf
