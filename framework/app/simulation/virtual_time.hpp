// An actor system whose clock is turned by hand: all actors take their turns on the caller's thread, and time jumps from one
// timer to the next. Two runs that do the same see the same.
#pragma once

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <memory>

namespace tokamak::app {

/// One thread. Actors must not be detached.
class virtual_time {
public:
  virtual_time();
  /// Lets actors that were told to end do so; drops the timers that are left.
  ~virtual_time();
  virtual_time(const virtual_time&) = delete;
  virtual_time& operator=(const virtual_time&) = delete;

  caf::actor_system& system() { return *system_; }
  /// Runs actors until none has a message.
  void settle();
  /// Settles, then goes to the next timer. False: there is none, so nothing will ever happen again.
  bool advance();

private:
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_ = nullptr;
};

} // namespace tokamak::app
