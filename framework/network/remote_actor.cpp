// Proxies for actors of other nodes.
#include "network/remote_actor.hpp"

#include <caf/detail/sync_request_bouncer.hpp>

namespace tokamak::network {

void remote_actor::enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) {
  caf::strong_actor_ptr links;
  {
    const std::lock_guard lock(mutex_);
    links = links_;
  }
  if (!links) return fail_request(element->sender, element->mid);
  auto sender = element->sender;
  const auto id = element->mid;
  auto content = element->move_content_to_message();
  if (content.match_elements<caf::exit_msg>()) return; // an actor is ended by its own node
  links->enqueue(nullptr, caf::make_message_id(), caf::make_message(outbound{connection_, target_, std::move(sender), id, std::move(content)}), unit);
}

void remote_actor::kill_proxy(caf::execution_unit* unit, caf::error reason) {
  {
    const std::lock_guard lock(mutex_);
    if (!links_) return;
    links_ = nullptr;
  }
  cleanup(std::move(reason), unit);
}

caf::strong_actor_ptr make_remote_actor(caf::actor_system& system, caf::strong_actor_ptr links, std::uint64_t connection, std::uint64_t target) {
  caf::actor_config config;
  return caf::make_actor<remote_actor, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, config, std::move(links),
                                                              connection, target);
}

void end_remote_actor(const caf::strong_actor_ptr& actor) {
  static_cast<remote_actor*>(actor->get())->kill_proxy(nullptr, caf::exit_reason::remote_link_unreachable);
}

void fail_request(const caf::strong_actor_ptr& sender, caf::message_id id) {
  if (!sender || !id.is_request()) return;
  caf::detail::sync_request_bouncer give_up{caf::make_error(caf::sec::request_receiver_down)};
  give_up(sender, id);
}

} // namespace tokamak::network
