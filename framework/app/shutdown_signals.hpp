// SIGTERM and SIGINT of a service: the first asks it to drain, the second ends the process at once.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

namespace tokamak::app {

/// REQUIRES: constructed before any other thread exists, so that all of them have the signals blocked and only the
/// thread of this object takes them. One per process.
class shutdown_signals {
public:
  shutdown_signals();
  ~shutdown_signals();
  shutdown_signals(const shutdown_signals&) = delete;
  shutdown_signals& operator=(const shutdown_signals&) = delete;

  /// From now on the first signal is for wait(); until then it ends the process, for there is nothing to drain.
  void serving();
  /// Blocks until a signal; its number. A further one writes a line to standard error and ends the process with the
  /// status 128 + its number.
  int wait();

private:
  void watch();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool serving_ = false;
  int received_ = 0;
  int wake_fd_;
  int signal_fd_;
  std::thread thread_;
};

} // namespace tokamak::app
