// An actor of another node, as an actor of this one: what it is sent goes into the outbox of the links actor, with the number that
// the other node knows it by. Whoever monitors it hears of the end of the actor, and of the session with its node.
#pragma once

#include "network/outbox.hpp"

#include <caf/all.hpp>
#include <caf/actor_proxy.hpp>

#include <atomic>
#include <memory>

namespace tokamak::network {

class remote_actor final : public caf::actor_proxy {
public:
  remote_actor(caf::actor_config& config, std::shared_ptr<outbox> out, std::uint64_t connection, std::uint64_t target)
      : caf::actor_proxy(config), out_(std::move(out)), connection_(connection), target_(target) {}

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) override;
  void kill_proxy(caf::execution_unit* unit, caf::error reason) override;

private:
  std::shared_ptr<outbox> out_;
  std::atomic<bool> ended_{false};
  std::uint64_t connection_, target_;
};

/// Any thread. Ends when kill_proxy is called.
caf::strong_actor_ptr make_remote_actor(caf::actor_system& system, std::shared_ptr<outbox> out, std::uint64_t connection, std::uint64_t target);

/// Ends it: those who monitor it are told, what it is sent from now on is lost, requests fail.
void end_remote_actor(const caf::strong_actor_ptr& actor);

/// Tells the sender of a request that there will be no answer. Nothing for other messages.
void fail_request(const caf::strong_actor_ptr& sender, caf::message_id id);

} // namespace tokamak::network
