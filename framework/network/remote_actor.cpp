// Proxies for actors of other nodes.
#include "network/remote_actor.hpp"

#include "base/log.hpp"
#include "message/any_message.hpp"

#include <caf/detail/sync_request_bouncer.hpp>

namespace tokamak::network {

void remote_actor::enqueue(caf::mailbox_element_ptr element, caf::execution_unit*) {
  auto frame = frame_in(element->content());
  if (!frame && element->content().match_elements<caf::exit_msg>()) return; // an actor is ended by its own node
  outbound m{connection_, target_, std::move(element->sender), element->mid, {}};
  if (frame) {
    m.frame = std::move(*frame);
  } else if (!m.id.is_response()) { // an error as the answer goes as a record without a frame
    log::error("links", "message.not_a_frame", {{"content", caf::to_string(element->move_content_to_message())}});
    return fail_request(m.sender, m.id);
  }
  if (ended_ || !out_->put(m)) fail_request(m.sender, m.id);
}

void remote_actor::kill_proxy(caf::execution_unit* unit, caf::error reason) {
  if (!ended_.exchange(true)) cleanup(std::move(reason), unit);
}

caf::strong_actor_ptr make_remote_actor(caf::actor_system& system, std::shared_ptr<outbox> out, std::uint64_t connection, std::uint64_t target) {
  caf::actor_config config;
  return caf::make_actor<remote_actor, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system, config, std::move(out),
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
