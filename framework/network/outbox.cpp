// A vector under a mutex, and an eventfd.
#include "network/outbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

namespace tokamak::network {

outbox::outbox() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

outbox::~outbox() { ::close(fd_); }

bool outbox::put(outbound& m) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    waiting_.push_back(std::move(m));
    any_.store(true);
  }
  ring();
  return true;
}

void outbox::take(std::vector<outbound>& into) {
  into.clear();
  if (empty()) return;
  const std::lock_guard lock(mutex_);
  waiting_.swap(into);
  any_.store(false);
}

void outbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void outbox::ring() {
  if (asleep_.load() && asleep_.exchange(false)) eventfd_write(fd_, 1);
}

void outbox::wake_up(bool rung) {
  asleep_.store(false);
  eventfd_t value;
  if (rung) eventfd_read(fd_, &value);
}

} // namespace tokamak::network
