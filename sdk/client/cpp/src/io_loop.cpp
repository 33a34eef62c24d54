// The loop of the I/O thread: tasks, timers, connection changes, messages in, messages out, wait.
#include "io_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <system_error>

namespace tokamak::client_detail {

namespace {

constexpr std::chrono::milliseconds first_pause{20};
constexpr std::chrono::milliseconds longest_pause{500};
constexpr std::chrono::milliseconds attempt_limit{4000}; // a name that does not resolve gives no event
constexpr int goodbye_ms = 300;
constexpr std::uint64_t probe_distance = std::uint64_t{1} << 62; // apart from the ids of requests

// 48 random bits, so that two connections rarely use the same ids and logs stay unambiguous.
std::uint64_t random_base() {
  std::random_device device;
  const std::uint64_t high = device(), low = device();
  return (((high << 32) ^ low) & 0xffff'ffff'ffffull) | 1;
}

} // namespace

client_result<std::shared_ptr<io_loop>> io_loop::start(std::string address, const client_options& options) {
  std::shared_ptr<io_loop> loop(new io_loop(std::move(address), options, random_base()));
  if (!loop->context_ || loop->wake_fd_ < 0)
    return client_error{client_errc::io, std::string("cannot start a client: ") + std::strerror(errno), ""};
  // The first try is made here because it tells a wrong address apart from an absent service.
  auto first = connection::begin(loop->context_, loop->address_, options);
  if (!first) return first.error();
  loop->connection_ = *std::move(first);
  loop->retry_at_ = steady::now();
  loop->attempt_ends_ = loop->retry_at_ + attempt_limit;
  try {
    loop->thread_ = std::thread([raw = loop.get()] { raw->run(); });
  } catch (const std::system_error& error) {
    return client_error{client_errc::io, std::string("cannot start a client's thread: ") + error.what(), ""};
  }
  return loop;
}

io_loop::io_loop(std::string address, const client_options& options, std::uint64_t first_id)
    : address_(std::move(address)), options_(options), next_id_(first_id),
      wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), context_(zmq_ctx_new()),
      session_(address_, options_, first_id + probe_distance), retry_pause_(first_pause) {}

io_loop::~io_loop() {
  stop();
  connection_.reset();
  if (context_) zmq_ctx_term(context_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

void io_loop::post(task work) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  tasks_.push_back(std::move(work));
  eventfd_write(wake_fd_, 1);
}

void io_loop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    eventfd_write(wake_fd_, 1);
  }
  if (thread_.joinable()) thread_.join();
}

bool io_loop::run_tasks() {
  std::vector<task> tasks;
  bool stopping;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
    stopping = stopping_;
  }
  const auto now = steady::now();
  for (const task& work : tasks) work(session_, now);
  return !stopping;
}

void io_loop::run() {
  while (run_tasks()) {
    const auto now = steady::now();
    advance(now);
    wait(now);
  }
  say_goodbye();
}

void io_loop::advance(steady::time_point now) {
  if (connection_) {
    const auto change = connection_->poll_changes();
    if (change == connection::change::ready) {
      retry_pause_ = first_pause;
      session_.connected(now);
    }
    if (!connection_->ready() && connection_->reached())
      session_.explain_waiting(": something answers there, but not with ZeroMQ's handshake, or it wants keys");
    if (connection_->denied()) session_.explain_waiting(": it does not accept this client's key");
    receive_all(now); // before a loss is acted on: the last answers may have come with it
    if (change == connection::change::lost)
      drop({client_errc::unavailable, "the connection to " + address_ + " was lost", ""}, now);
    else if (connection_ && !connection_->ready() && now >= attempt_ends_)
      drop({client_errc::unavailable, "no answer from " + address_, ""}, now);
  }
  if (const auto dead = session_.check(now)) drop(*dead, now);
  if (!connection_ && session_.has_outgoing() && now >= retry_at_) begin_connection(now);
  send_all(now);
}

void io_loop::begin_connection(steady::time_point now) {
  auto begun = connection::begin(context_, address_, options_);
  attempt_ends_ = now + attempt_limit;
  retry_at_ = now + retry_pause_;
  retry_pause_ = std::min(retry_pause_ * 2, longest_pause);
  if (begun)
    connection_ = *std::move(begun);
  else
    session_.explain_waiting(": " + begun.error().message);
}

void io_loop::drop(const client_error& why, steady::time_point now) {
  if (!connection_) return;
  connection_.reset();
  blocked_ = false;
  retry_at_ = std::max(retry_at_, now);
  session_.disconnected(why);
}

void io_loop::receive_all(steady::time_point now) {
  while (connection_) {
    const auto message = connection_->receive();
    if (!message) return;
    if (const auto error = session_.receive(message->header, message->body, now)) drop(*error, now);
  }
}

void io_loop::send_all(steady::time_point now) {
  blocked_ = false;
  while (connection_ && connection_->ready() && session_.has_outgoing()) {
    const outgoing_message& next = session_.front();
    if (!connection_->send(next.type, next.body)) {
      blocked_ = true;
      return;
    }
    session_.sent(now);
  }
}

void io_loop::wait(steady::time_point now) {
  std::optional<steady::time_point> until = session_.next_check();
  const auto consider = [&](steady::time_point at) { until = until ? std::min(*until, at) : at; };
  if (!connection_ && session_.has_outgoing()) consider(retry_at_);
  if (connection_ && !connection_->ready()) consider(attempt_ends_);
  long timeout_ms = -1;
  if (until)
    timeout_ms = std::max<long>(0, std::chrono::ceil<std::chrono::milliseconds>(*until - now).count());
  std::array<zmq_pollitem_t, 3> items{};
  items[0] = {nullptr, wake_fd_, ZMQ_POLLIN, 0};
  int count = 1;
  if (connection_) {
    items[1] = {connection_->monitor(), 0, ZMQ_POLLIN, 0};
    items[2] = {connection_->socket(), 0, static_cast<short>(ZMQ_POLLIN | (blocked_ ? ZMQ_POLLOUT : 0)), 0};
    count = 3;
  }
  zmq_poll(items.data(), count, timeout_ms);
  eventfd_t signals = 0;
  eventfd_read(wake_fd_, &signals);
}

void io_loop::say_goodbye() {
  session_.end_all({client_errc::cancelled, "the client was closed", ""});
  if (!connection_ || !connection_->ready()) return;
  send_all(steady::now());
  connection_->linger(goodbye_ms);
}

} // namespace tokamak::client_detail
