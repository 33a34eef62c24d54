// One thread for all connections, which waits in Asio's loop.
#include "frontend/http/http_frontend.hpp"

#include "base/log.hpp"
#include "frontend/frontend_actor.hpp"
#include "message/actor_clock.hpp"
#include "message/background_actor.hpp"
#include "message/status.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>

namespace tokamak::frontend {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// The socket is made before the thread, so that a taken port is an error of the start.
struct listener {
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
};

class http_thread final : public frontend_actor, private http_connection_events, private http_effects {
public:
  http_thread(caf::actor_config& config, std::shared_ptr<http_frontend_setup> setup, std::shared_ptr<listener> listening)
      : frontend_actor(config), setup_(std::move(setup)), listener_(std::move(listening)),
        exchanges_(setup_->settings, *setup_->ids, *this), timer_(listener_->io) {}

  void act() override {
    for (const auto& endpoint : setup_->endpoints) monitor(endpoint);
    accept();
    while (!stop_) {
      bool worked = drain_mailbox();
      worked |= listener_->io.poll() > 0;
      flush_all();
      ended_.clear();
      if (!worked && !stop_) park([this] { listener_->io.run_one(); });
    }
    say_goodbye();
  }

private:
  static constexpr auto tick_every = std::chrono::milliseconds(250);

  void wake() override { asio::post(listener_->io, [] {}); }

  void handle(caf::mailbox_element& e) override {
    auto& content = e.content();
    if (content.match_elements<frame_of<wire::Chunks>>()) {
      exchanges_.chunks(*content.get_as<frame_of<wire::Chunks>>(0));
    } else if (content.match_elements<frame_of<wire::StatusReport>>()) {
      exchanges_.reply(*content.get_as<frame_of<wire::StatusReport>>(0));
    } else if (content.match_elements<frame_of<wire::ModelList>>()) {
      exchanges_.reply(*content.get_as<frame_of<wire::ModelList>>(0));
    } else if (content.match_elements<frame_of<wire::StatusRequest>>()) {
      answer_status(e);
    } else if (content.match_elements<background_end>()) {
      (*content.get_as<background_end>(0).rest)();
    } else if (content.match_elements<caf::down_msg>()) {
      const auto& down = content.get_as<caf::down_msg>(0);
      for (std::size_t i = 0; i < setup_->endpoints.size(); ++i)
        if (setup_->endpoints[i]->address() == down.source) exchanges_.endpoint_lost(i);
    } else if (content.match_elements<caf::exit_msg>()) {
      stop_ = true;
    }
  }

  void answer_status(caf::mailbox_element& e) {
    const auto& c = exchanges_.counts();
    const auto status = make_status(setup_->settings.name, "frontend",
                                    {{"connections", static_cast<double>(connections_.size())},
                                     {"requests_running", static_cast<double>(exchanges_.n_running())},
                                     {"http_requests", static_cast<double>(c.http_requests)},
                                     {"requests", static_cast<double>(c.requests)},
                                     {"refused", static_cast<double>(c.refused)},
                                     {"refused_connections", static_cast<double>(refused_)},
                                     {"cancelled", static_cast<double>(c.cancelled)},
                                     {"chunks", static_cast<double>(c.chunks)},
                                     {"tokens", static_cast<double>(c.tokens)}});
    if (e.sender) e.sender->enqueue(ctrl(), e.mid.response_id(), caf::make_message(status), nullptr);
  }

  void accept() {
    listener_->acceptor.async_accept([this](const error_code& problem, tcp::socket socket) {
      if (problem == asio::error::operation_aborted || stop_) return;
      if (problem) { // too many open files, for instance: others have to end first
        log::warning("frontend", "accept.failed", {{"name", setup_->settings.name}, {"error", problem.message()}});
        accept_timer_.expires_after(tick_every);
        return accept_timer_.async_wait([this](const error_code& stopped) {
          if (!stopped) accept();
        });
      }
      admit(std::move(socket));
      accept();
    });
  }

  void admit(tcp::socket socket) {
    const bool full = connections_.size() >= setup_->max_connections;
    if (full) {
      ++refused_;
      if (setup_->certificate) return; // no handshake for it
      // Those told so stay a moment, for what they sent already would else tear the answer down with it.
      constexpr std::size_t most_told = 64;
      if (connections_.size() >= setup_->max_connections + most_told) return;
    }
    const auto now = now_us(system());
    renew_certificate(now);
    const auto made = std::make_shared<http_connection>(std::move(socket), ++last_number_, setup_->limits, static_cast<http_connection_events&>(*this),
                                                        setup_->certificate ? &*setup_->certificate : nullptr);
    connections_.emplace(last_number_, made);
    if (full) {
      http_response response;
      response.status = 503;
      response.fields.emplace_back("Retry-After", std::to_string(setup_->settings.retry_after_s));
      response.body = openai::body_of(openai::from({errc::unavailable, fmt::format("all {} connections are in use", setup_->max_connections), {}}));
      made->turn_away(now, std::move(response));
    } else {
      made->start(now);
    }
    if (!ticking_) tick();
  }

  // Files that changed are read for the next client; a look at them takes two calls to the system.
  void renew_certificate(std::uint64_t now) {
    constexpr std::uint64_t look_every_us = 1'000'000;
    if (!setup_->certificate || now < looked_us_ + look_every_us) return;
    looked_us_ = now;
    const auto& name = setup_->settings.name;
    const auto renewed = setup_->certificate->renew();
    if (!renewed) return log::warning("frontend", "certificate.refused", {{"name", name}, {"error", renewed.error().to_string()}, {"meanwhile", "the one before"}});
    if (!*renewed) return;
    log::info("frontend", "certificate.renewed", {{"name", name}, {"expires", setup_->certificate->expires()}});
    for (const auto& w : setup_->certificate->warnings()) log::warning("frontend", "certificate", {{"name", name}, {"warning", w.to_string()}});
  }

  // Only while there are connections: an idle frontend sleeps.
  void tick() {
    ticking_ = !connections_.empty();
    if (!ticking_) return;
    timer_.expires_after(tick_every);
    timer_.async_wait([this](const error_code& stopped) {
      if (stopped) return;
      const auto now = now_us(system());
      std::vector<std::shared_ptr<http_connection>> all;
      for (const auto& [number, connection] : connections_) all.push_back(connection);
      for (const auto& connection : all) connection->tick(now);
      tick();
    });
  }

  // Ends of a drain: what clients still have to read, for a second.
  void say_goodbye() {
    while (has_next_message()) drain_mailbox();
    error_code ignored;
    listener_->acceptor.close(ignored);
    for (int i = 0; i < 100; ++i) {
      flush_all();
      const bool waiting = std::any_of(connections_.begin(), connections_.end(), [](const auto& c) { return c.second->waiting_bytes() > 0; });
      if (!waiting) break;
      listener_->io.restart();
      listener_->io.run_for(std::chrono::milliseconds(10));
    }
    for (const auto& [number, connection] : connections_) connection->close();
    connections_.clear();
    timer_.cancel();
    accept_timer_.cancel();
    listener_->io.restart();
    listener_->io.poll(); // handlers, which hold connections, see that all is over
  }

  // --- http_connection_events
  void on_request(http_connection& connection, http_request request) override { exchanges_.request(connection.number(), std::move(request), unix_time_s()); }
  void on_closed(http_connection& connection) override {
    exchanges_.closed(connection.number());
    const auto it = connections_.find(connection.number());
    if (it == connections_.end()) return;
    ended_.push_back(std::move(it->second)); // it may be at work
    connections_.erase(it);
  }
  bool on_end(http_connection& connection) override { return !exchanges_.generates(connection.number()); }
  std::string_view date() override { return date_.at(unix_time_s()); }
  void on_held(http_connection& connection, bool held) override { exchanges_.held(connection.number(), held); }

  // --- http_effects
  http_connection* connection_of(std::uint64_t number) {
    const auto it = connections_.find(number);
    return it == connections_.end() ? nullptr : it->second.get();
  }
  void respond(std::uint64_t connection, http_response response) override {
    if (auto* c = connection_of(connection)) c->respond(std::move(response));
  }
  void begin_stream(std::uint64_t connection, http_response head) override {
    if (auto* c = connection_of(connection)) c->begin_stream(std::move(head));
  }
  // Pieces leave together, once all chunks at hand were seen: with one call to the system a connection.
  void stream(std::uint64_t connection, std::string_view bytes) override {
    auto* c = connection_of(connection);
    if (c == nullptr) return;
    c->stream(bytes);
    if (unsent_.empty() || unsent_.back() != connection) unsent_.push_back(connection);
  }
  void end_stream(std::uint64_t connection) override {
    if (auto* c = connection_of(connection)) c->end_stream();
  }
  void flush_all() {
    for (std::size_t i = 0; i < unsent_.size(); ++i)
      if (auto* c = connection_of(unsent_[i])) c->flush();
    unsent_.clear();
  }
  void to_endpoint(std::size_t endpoint, frame_of<wire::Open> m) override { forward(setup_->endpoints[endpoint], m); }
  void to_endpoint(std::size_t endpoint, frame_of<wire::Close> m) override { forward(setup_->endpoints[endpoint], m); }
  void to_endpoint(std::size_t endpoint, frame_of<wire::Flow> m) override { forward(setup_->endpoints[endpoint], m); }
  void ask_models(std::uint64_t op) override { ask<wire::ListModels>(setup_->directory, op); }
  void ask_status(std::uint64_t op) override { ask<wire::StatusRequest>(setup_->directory, op); }
  void background(background_work work) override { send(caf::actor_cast<background_actor>(setup_->background), background_job{std::make_shared<background_work>(std::move(work))}); }

  std::shared_ptr<http_frontend_setup> setup_;
  std::shared_ptr<listener> listener_;
  http_exchanges exchanges_;
  http_date date_;
  asio::steady_timer timer_, accept_timer_{listener_->io};
  std::unordered_map<std::uint64_t, std::shared_ptr<http_connection>> connections_; ///< by number
  std::vector<std::shared_ptr<http_connection>> ended_; ///< in this round of the loop
  std::vector<std::uint64_t> unsent_;                   ///< connections with pieces that flush_all() sends
  std::uint64_t last_number_ = 0, refused_ = 0, looked_us_ = 0;
  bool ticking_ = false, stop_ = false;
};

expected<tcp::endpoint> resolve(asio::io_context& io, const std::string& bind) {
  const auto colon = bind.rfind(':');
  auto host = bind.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  error_code problem;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(host == "*" ? "0.0.0.0" : host, colon == std::string::npos ? "8080" : bind.substr(colon + 1), tcp::resolver::passive, problem);
  if (problem || found.empty()) return fail(errc::invalid_argument, fmt::format("cannot listen on {}: {}", bind, problem.message()));
  return found.begin()->endpoint();
}

} // namespace

expected<http_frontend> spawn_http_frontend(caf::actor_system& system, http_frontend_setup setup) {
  auto made = std::make_shared<listener>();
  const auto where = resolve(made->io, setup.bind);
  if (!where) return fail(where.error());
  error_code problem;
  const auto good = [&](const error_code& result) {
    problem = result;
    return !result;
  };
  error_code step;
  if (made->acceptor.open(where->protocol(), step); good(step))
    if (made->acceptor.set_option(tcp::acceptor::reuse_address(true), step); good(step))
      if (made->acceptor.bind(*where, step); good(step)) good(made->acceptor.listen(tcp::acceptor::max_listen_connections, step));
  if (problem) return fail(errc::io, fmt::format("cannot listen on {}: {}", setup.bind, problem.message()));
  const auto bound = made->acceptor.local_endpoint();
  const auto host = bound.address().is_v6() ? fmt::format("[{}]", bound.address().to_string()) : bound.address().to_string();
  const auto* const scheme = setup.certificate ? "https" : "http";
  auto actor = system.spawn<http_thread, caf::detached>(std::make_shared<http_frontend_setup>(std::move(setup)), made);
  return http_frontend{caf::actor_cast<http_frontend_actor>(actor), fmt::format("{}://{}:{}", scheme, host, bound.port())};
}

} // namespace tokamak::frontend
