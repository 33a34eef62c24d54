// CAF's coordinator for tests, driven from event to event.
#include "app/simulation/virtual_time.hpp"

namespace tokamak::app {

virtual_time::virtual_time() {
  config_.set("scheduler.policy", caf::atom("testing")); // an atom: a string would be ignored
  config_.set("logger.verbosity", caf::atom("quiet"));
  system_ = std::make_unique<caf::actor_system>(config_);
  scheduler_ = &dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  scheduler_->clock().current_time += std::chrono::hours(1); // 0 means "never" to many a field
}

virtual_time::~virtual_time() {
  settle();
  scheduler_->clock().cancel_all(); // their messages keep actors alive
  settle();
}

void virtual_time::settle() {
  while (scheduler_->try_run_once()) {
  }
}

bool virtual_time::advance() {
  settle();
  return scheduler_->trigger_timeout();
}

} // namespace tokamak::app
