// Greetings, credits, heartbeats.
#include "network/link_session.hpp"

#include "message/wire_error.hpp"

#include <algorithm>

namespace tokamak::network {

frame_of<wire::Hello> make_hello(const link_identity& own, std::uint64_t session, lane l, const link_limits& limits) {
  wire::HelloT hello;
  hello.node = own.node;
  hello.topology_digest = own.topology_digest;
  hello.epoch = own.epoch;
  hello.session = session;
  hello.lane = static_cast<wire::Lane>(l);
  hello.capabilities = own.capabilities;
  hello.heartbeat_us = limits.heartbeat_us;
  hello.window_bytes.assign(limits.window.begin(), limits.window.end());
  return make_frame<wire::Hello>(hello);
}

expected<void> check_hello(const wire::Hello& hello, const link_identity& own, const std::string& expected_node,
                           const std::string& key_owner) {
  const auto text = [](const flatbuffers::String* s) { return s ? s->str() : std::string(); };
  const auto node = text(hello.node()), digest = text(hello.topology_digest());
  if (!key_owner.empty() && key_owner != node)
    return fail(errc::permission_denied, fmt::format("the key of node '{}' came from a node that calls itself '{}'", key_owner, node));
  if (node != expected_node)
    return fail(errc::invalid_argument, fmt::format("node '{}' found, node '{}' expected", node, expected_node));
  if (digest != own.topology_digest)
    return fail(errc::invalid_argument, fmt::format("node '{}' runs another topology: digest {:.12} there, {:.12} at node '{}'", node,
                                                    digest, own.topology_digest, own.node));
  if (!hello.window_bytes() || hello.window_bytes()->size() != n_lanes)
    return fail(errc::corrupt, fmt::format("Hello.window_bytes has {} entries, {} expected", hello.window_bytes() ? hello.window_bytes()->size() : 0, n_lanes));
  return {};
}

link_session::link_session(link_limits limits, received_bytes peer_window, link_effects& effects, std::uint64_t now_us)
    : limits_(std::move(limits)), peer_window_(peer_window), effects_(effects), heard_us_(now_us), next_heartbeat_us_(now_us) {}

expected<void> link_session::send(link_message m) {
  counts_.queued_bytes += m.cost();
  auto& queue = queues_[index(m.way())];
  queue.push_back(std::move(m));
  if (counts_.queued_bytes <= limits_.queue_bytes) return {};
  return fail(errc::overloaded, fmt::format("{} bytes wait to be sent; at most {} may", counts_.queued_bytes, limits_.queue_bytes));
}

void link_session::send_offers(const std::vector<offer>& offers) {
  wire::ExportsT message;
  for (const auto& o : offers) {
    message.items.push_back(std::make_unique<wire::ExportT>());
    message.items.back()->name = o.name;
    message.items.back()->actor = o.actor;
  }
  send_own<wire::Exports>(message);
}

// Behind what the actor itself said last.
void link_session::send_gone(std::vector<std::uint64_t> actors) {
  wire::GoneT message;
  message.actors = std::move(actors);
  queues_[index(lane::control)].push_back({link_address, 0, 0, make_frame<wire::Gone>(message)});
}

void link_session::flush() {
  flush_control();
  flush_bulk();
  // Credit that no batch carried along.
  for (std::size_t l = 0; l < n_lanes; ++l)
    if (counts_.received[l] - reported_[l] > limits_.window[l] / 4) return transmit(lane::control, 0, {});
}

void link_session::flush_control() {
  auto& queue = queues_[index(lane::control)];
  while (!queue.empty()) {
    const auto cost = queue.front().cost();
    if (cost > 0 && !has_credit(lane::control)) break; // frames of the link stand before: they need no credit
    writer_.add(queue.front());
    counts_.sent[index(lane::control)] += cost;
    counts_.queued_bytes -= cost;
    ++counts_.frames_sent;
    queue.pop_front();
    if (writer_.size() >= limits_.batch_bytes) transmit(lane::control, 0, {});
  }
  if (!writer_.empty()) transmit(lane::control, 0, {});
}

void link_session::flush_bulk() {
  auto& queue = queues_[index(lane::bulk)];
  while (!queue.empty() && has_credit(lane::bulk)) {
    const auto m = std::move(queue.front());
    queue.pop_front();
    writer_.add(m);
    counts_.sent[index(lane::bulk)] += m.cost();
    counts_.queued_bytes -= m.cost();
    ++counts_.frames_sent;
    transmit(lane::bulk, m.frame.attachments().size(), m.frame.attachments());
  }
}

void link_session::transmit(lane l, std::size_t n_attachments, const std::vector<attachment>& attachments) {
  ++counts_.batches_sent;
  reported_ = counts_.received;
  effects_.transmit(l, writer_.take(counts_.received, n_attachments), attachments);
}

expected<void> link_session::receive(lane l, batch b, std::uint64_t now_us) {
  heard_us_ = now_us;
  ++counts_.batches_received;
  for (std::size_t i = 0; i < n_lanes; ++i) {
    // The lanes are two connections: an older report may come behind a newer one.
    if (b.received[i] > counts_.sent[i])
      return fail(errc::corrupt, fmt::format("credit for {} bytes of {} that were sent", b.received[i], counts_.sent[i]));
    acknowledged_[i] = std::max(acknowledged_[i], b.received[i]);
  }
  for (auto& m : b.messages) {
    ++counts_.frames_received;
    if (m.target == link_address) {
      if (auto ok = receive_own(m, now_us); !ok) return ok;
      continue;
    }
    counts_.received[index(l)] += m.cost();
    effects_.deliver(std::move(m));
  }
  return {};
}

expected<void> link_session::receive_own(const link_message& m, std::uint64_t now_us) {
  switch (m.frame.type) {
    case frame_type::Heartbeat: {
      const auto h = m.frame.as<wire::Heartbeat>();
      peer_clock_us_ = h->sent_us();
      peer_clock_at_us_ = now_us;
      const auto spent = h->echo_us() + h->held_us();
      if (h->echo_us() > 0 && spent >= h->echo_us() && spent <= now_us) counts_.round_trip_us = now_us - spent;
      return {};
    }
    case frame_type::Exports: {
      const auto e = m.frame.as<wire::Exports>();
      for (std::uint32_t i = 0; e->items() && i < e->items()->size(); ++i) {
        const auto* item = e->items()->Get(i);
        effects_.offered({item->name() ? item->name()->str() : "", item->actor()});
      }
      return {};
    }
    case frame_type::Gone: {
      const auto g = m.frame.as<wire::Gone>();
      for (std::uint32_t i = 0; g->actors() && i < g->actors()->size(); ++i) effects_.gone(g->actors()->Get(i));
      return {};
    }
    case frame_type::Hello: // of the other lane: said once more than was needed
      return {};
    default:
      return fail(errc::corrupt, fmt::format("frame {} for the link itself; Heartbeat, Exports or Gone expected", to_string(m.frame.type)));
  }
}

expected<void> link_session::tick(std::uint64_t now_us) {
  if (now_us >= heard_us_ + 2 * limits_.heartbeat_us)
    return fail(errc::unavailable, fmt::format("not heard for {} ms", (now_us - heard_us_) / 1000));
  if (now_us < next_heartbeat_us_) return {};
  next_heartbeat_us_ = now_us + limits_.heartbeat_us;
  wire::HeartbeatT h;
  h.sent_us = now_us;
  h.echo_us = peer_clock_us_;
  h.held_us = peer_clock_us_ > 0 ? now_us - peer_clock_at_us_ : 0;
  send_own<wire::Heartbeat>(h);
  return {};
}

} // namespace tokamak::network
