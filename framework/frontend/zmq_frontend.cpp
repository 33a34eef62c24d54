// The thread of a ROUTER socket, which senders wake through an eventfd.
#include "frontend/zmq_frontend.hpp"

#include "base/log.hpp"
#include "frontend/backlog.hpp"
#include "frontend/connections.hpp"
#include "frontend/frontend_actor.hpp"
#include "message/actor_clock.hpp"
#include "message/status.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace tokamak::frontend {
namespace {

class frontend_thread final : public frontend_actor, private session_effects {
public:
  frontend_thread(caf::actor_config& config, std::shared_ptr<zmq_frontend_setup> setup,
                  std::shared_ptr<router_socket> socket)
      : frontend_actor(config), setup_(std::move(setup)), socket_(std::move(socket)),
        sessions_(setup_->endpoint_names, setup_->limits, *setup_->ids, *this, setup_->admins),
        backlog_(setup_->limits.client_buffer_bytes) {}
  ~frontend_thread() override { ::close(wake_fd_); }

  void act() override {
    for (const auto& endpoint : setup_->endpoints) monitor(endpoint);
    while (!stop_) {
      bool worked = drain_mailbox();
      worked |= drain_events();
      worked |= drain_socket();
      worked |= backlog_.flush(*socket_);
      apply_changes();
      const auto now = now_us(system());
      if (now >= next_tick_us_) {
        sessions_.tick(now);
        next_tick_us_ = now + tick_us();
      }
      if (!worked && !stop_) park([this] { wait(); });
    }
    say_goodbye();
  }

private:
  std::uint64_t tick_us() const { return std::clamp<std::uint64_t>(setup_->limits.stall_us / 4, 10'000, 1'000'000); }

  void wake() override { eventfd_write(wake_fd_, 1); }

  void handle(caf::mailbox_element& e) override {
    auto& content = e.content();
    if (content.match_elements<frame_of<wire::Chunks>>()) {
      sessions_.chunks(*content.get_as<frame_of<wire::Chunks>>(0), now_us(system()));
    } else if (content.match_elements<frame_of<wire::StatusReport>>()) {
      sessions_.reply(*content.get_as<frame_of<wire::StatusReport>>(0));
    } else if (content.match_elements<frame_of<wire::ModelList>>()) {
      sessions_.reply(*content.get_as<frame_of<wire::ModelList>>(0));
    } else if (content.match_elements<frame_of<wire::Drained>>()) {
      sessions_.reply(*content.get_as<frame_of<wire::Drained>>(0));
    } else if (content.match_elements<frame_of<wire::ErrorReply>>()) {
      sessions_.reply(*content.get_as<frame_of<wire::ErrorReply>>(0));
    } else if (content.match_elements<frame_of<wire::StatusRequest>>()) {
      answer_status(e);
    } else if (content.match_elements<caf::down_msg>()) {
      endpoint_down(content.get_as<caf::down_msg>(0));
    } else if (content.match_elements<caf::exit_msg>()) {
      stop_ = true;
    }
  }

  void answer_status(caf::mailbox_element& e) {
    const auto& c = sessions_.counts();
    const auto status = make_status(setup_->name, "frontend",
                                    {{"clients", static_cast<double>(sessions_.n_clients())},
                                     {"requests_running", static_cast<double>(sessions_.n_requests())},
                                     {"messages", static_cast<double>(c.messages)},
                                     {"bad_messages", static_cast<double>(c.bad_messages)},
                                     {"requests", static_cast<double>(c.requests)},
                                     {"refused", static_cast<double>(c.refused)},
                                     {"refused_keys", static_cast<double>(socket_->refused())},
                                     {"cancelled", static_cast<double>(c.cancelled)},
                                     {"stalled", static_cast<double>(c.stalled)},
                                     {"clients_gone", static_cast<double>(c.gone)},
                                     {"connections", static_cast<double>(connections_.size())},
                                     {"chunks", static_cast<double>(c.chunks)},
                                     {"tokens", static_cast<double>(c.tokens)}});
    if (e.sender) e.sender->enqueue(ctrl(), e.mid.response_id(), caf::make_message(status), nullptr);
  }

  void endpoint_down(const caf::down_msg& down) {
    for (std::size_t i = 0; i < setup_->endpoints.size(); ++i)
      if (setup_->endpoints[i]->address() == down.source) sessions_.endpoint_lost(i);
  }

  bool drain_events() {
    bool did = false;
    while (const auto event = socket_->next_event()) {
      did = true;
      const auto ended = event->opened ? connections_.opened(event->fd) : connections_.closed(event->fd);
      for (const auto& client : ended) lose(client);
    }
    return did;
  }

  bool drain_socket() {
    bool did = false;
    for (int i = 0; i < burst && socket_->receive(message_); ++i) {
      did = true;
      drain_events(); // of what happened before this message was sent
      const auto identity = message_.part(0);
      const client_id client(reinterpret_cast<const char*>(identity.data()), identity.size());
      parts_.clear();
      for (std::size_t p = 1; p < message_.n_parts(); ++p) parts_.push_back(message_.part(p));
      const bool connected = connections_.heard(message_.connection(), client);
      sessions_.receive(client, parts_, now_us(system()), message_.user());
      if (!connected) lose(client); // its last words
    }
    return did;
  }

  void lose(const client_id& client) {
    backlog_.forget(client);
    sessions_.unreachable(client);
  }

  // What sending found out ends or pauses requests here, and not in the midst of a chunk frame.
  void apply_changes() {
    for (const auto& [client, what] : backlog_.take_events()) switch (what) {
        case backlog::change::filling: sessions_.hold(client, true, now_us(system())); break;
        case backlog::change::emptied: sessions_.hold(client, false, now_us(system())); break;
        case backlog::change::overflowed: sessions_.overrun(client); break;
        case backlog::change::unreachable: lose(client); break;
      }
  }

  // Last answers of a drain: those still in the mailbox, and for a second those that clients are slow to take. The socket is closed here,
  // which waits for what ZeroMQ's own thread has not sent yet, and not with the last reference to this actor, whenever that is dropped.
  void say_goodbye() {
    while (has_next_message()) drain_mailbox();
    for (int i = 0; i < 200 && !backlog_.empty(); ++i) {
      backlog_.flush(*socket_);
      if (!backlog_.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    socket_.reset();
  }

  void wait() {
    zmq_pollitem_t items[] = {{socket_->handle(), 0, ZMQ_POLLIN, 0},
                              {socket_->monitor_handle(), 0, ZMQ_POLLIN, 0},
                              {nullptr, wake_fd_, ZMQ_POLLIN, 0}};
    // Waiting requests need the clock for stalls, a backlog needs another try; an idle frontend sleeps on.
    const long tick_ms = static_cast<long>(tick_us() / 1000);
    const long idle_ms = sessions_.n_requests() > 0 ? tick_ms : -1;
    zmq_poll(items, 3, backlog_.has_events() ? 0 : backlog_.empty() ? idle_ms : 5);
    eventfd_t value;
    eventfd_read(wake_fd_, &value);
  }

  void to_client(const client_id& client, frame_type type, std::span<const std::byte> body) override {
    backlog_.send(*socket_, client, type, body);
  }
  void to_endpoint(std::size_t endpoint, frame_of<wire::Open> m) override { forward(setup_->endpoints[endpoint], m); }
  void to_endpoint(std::size_t endpoint, frame_of<wire::Close> m) override { forward(setup_->endpoints[endpoint], m); }
  void to_endpoint(std::size_t endpoint, frame_of<wire::Flow> m) override { forward(setup_->endpoints[endpoint], m); }
  void ask_models(std::uint64_t op) override { ask<wire::ListModels>(setup_->directory, op); }
  void ask_status(std::uint64_t op) override { ask<wire::StatusRequest>(setup_->directory, op); }
  void ask_drain(std::uint64_t op, const std::string& node) override {
    wire::DrainT m;
    m.op = op;
    m.node = node;
    send(caf::actor_cast<directory_actor>(setup_->directory), make_frame<wire::Drain>(m));
  }

  std::shared_ptr<zmq_frontend_setup> setup_;
  std::shared_ptr<router_socket> socket_;
  sessions sessions_;
  received_message message_;
  std::vector<std::span<const std::byte>> parts_;
  connections connections_;
  backlog backlog_;
  int wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::uint64_t next_tick_us_ = 0;
  bool stop_ = false;
};

} // namespace

expected<zmq_frontend> spawn_zmq_frontend(caf::actor_system& system, zmq_frontend_setup setup) {
  auto socket = router_socket::bind(setup.bind, setup.limits.max_message_bytes, setup.keys);
  if (!socket) return fail(socket.error());
  const auto address = socket->address();
  // The socket is made here, so that a taken port is an error of the start, and used by one thread from then on.
  auto actor = system.spawn<frontend_thread, caf::detached>(std::make_shared<zmq_frontend_setup>(std::move(setup)),
                                                            std::make_shared<router_socket>(std::move(*socket)));
  return zmq_frontend{caf::actor_cast<zmq_frontend_actor>(actor), address};
}

} // namespace tokamak::frontend
