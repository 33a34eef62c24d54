// The background thread.
#include "message/background_actor.hpp"

#include <exception>

namespace tokamak {
namespace {

// The argument is for CAF, which looks into a null tuple where there is none.
background_actor::behavior_type background_behavior(background_actor::pointer self, bool /*detached*/) {
  return {[=](const background_job& job) {
    background_rest rest;
    try {
      rest = (*job.work)();
    } catch (...) {
      rest = [problem = std::current_exception()] { std::rethrow_exception(problem); };
    }
    *job.work = nullptr; // what it owns goes here, and not on the actor's thread
    if (self->current_sender())
      self->send(caf::actor_cast<background_user>(self->current_sender()), background_end{std::make_shared<background_rest>(std::move(rest))});
  }};
}

} // namespace

background_actor spawn_background(caf::actor_system& system, bool detached) {
  return detached ? system.spawn<caf::detached>(background_behavior, true) : system.spawn(background_behavior, false);
}

} // namespace tokamak
