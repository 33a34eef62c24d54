// The I/O thread of a client: owns the connection and the session, connects when there is something to send,
// and carries out what other threads post to it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "connection.hpp"
#include "session.hpp"

namespace tokamak::client_detail {

class io_loop {
public:
  /// Starts the thread. Errors: invalid_argument for the address, io.
  static client_result<std::shared_ptr<io_loop>> start(std::string address, const client_options& options);
  ~io_loop();

  /// Any thread: `task` runs on the I/O thread, with the session and the time. Not at all after stop().
  using task = std::function<void(session&, steady::time_point)>;
  void post(task work);

  /// Any thread: a number for a request or question, unique within this client.
  std::uint64_t new_id() { return next_id_.fetch_add(1); }
  const client_options& options() const { return options_; }

  /// Ends all with `cancelled` and joins the thread. Once; not on the I/O thread.
  void stop();

private:
  io_loop(std::string address, const client_options& options, std::uint64_t first_id);
  void run();
  bool run_tasks();
  void advance(steady::time_point now);
  void begin_connection(steady::time_point now);
  void drop(const client_error& why, steady::time_point now);
  void receive_all(steady::time_point now);
  void send_all(steady::time_point now);
  void wait(steady::time_point now);
  void say_goodbye();

  const std::string address_;
  const client_options options_;
  std::atomic<std::uint64_t> next_id_;
  int wake_fd_ = -1;
  std::mutex mutex_;
  std::vector<task> tasks_;
  bool stopping_ = false;
  // The rest belongs to the I/O thread.
  void* context_ = nullptr;
  session session_;
  std::unique_ptr<connection> connection_;
  bool blocked_ = false; // the socket took no more
  steady::time_point attempt_ends_{};
  steady::time_point retry_at_{};
  std::chrono::milliseconds retry_pause_;
  std::thread thread_;
};

} // namespace tokamak::client_detail
