// A thread that reads signals from a file descriptor: no handler, so no function of the service is ever interrupted.
#include "app/shutdown_signals.hpp"

#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <unistd.h>

namespace tokamak::app {
namespace {

int block_and_open() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

} // namespace

shutdown_signals::shutdown_signals()
    : wake_fd_(eventfd(0, EFD_CLOEXEC)), signal_fd_(block_and_open()), thread_([this] { watch(); }) {}

shutdown_signals::~shutdown_signals() {
  eventfd_write(wake_fd_, 1);
  thread_.join();
  ::close(wake_fd_);
  ::close(signal_fd_);
}

void shutdown_signals::watch() {
  for (;;) {
    pollfd ready[] = {{signal_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0) continue;
    if (ready[1].revents != 0) return;
    signalfd_siginfo info;
    if (read(signal_fd_, &info, sizeof info) != sizeof info) continue;
    const auto number = static_cast<int>(info.ssi_signo);
    const std::lock_guard lock(mutex_);
    if (!serving_ || asked_) {
      const auto* when = serving_ ? "draining" : "starting";
      std::fprintf(stderr, "tokamak: signal %d while %s, ending at once\n", number, when);
      std::_Exit(128 + number);
    }
    asked_ = true;
    received_ = number;
    changed_.notify_all();
  }
}

void shutdown_signals::serving() {
  const std::lock_guard lock(mutex_);
  serving_ = true;
}

void shutdown_signals::ask() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
  changed_.notify_all();
}

int shutdown_signals::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return asked_; });
  return received_;
}

} // namespace tokamak::app
