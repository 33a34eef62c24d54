// SIGTERM and SIGINT of a service: the first asks it to drain, the second ends the process at once. Clients may ask, too.
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
  /// Any thread: as a first signal.
  void ask();
  /// Blocks until a signal, or ask(); its number, or 0. A further one writes a line to standard error and ends the process with the
  /// status 128 + its number.
  int wait();

private:
  void watch();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool serving_ = false;
  bool asked_ = false;
  int received_ = 0; ///< the signal that asked, if one did
  int wake_fd_;
  int signal_fd_;
  std::thread thread_;
};

} // namespace tokamak::app
