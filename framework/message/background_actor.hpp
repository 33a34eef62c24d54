// The one thread of a process that does background work.
#pragma once

#include "message/background.hpp"

#include <caf/all.hpp>

#include <memory>

namespace tokamak {

struct background_job {
  std::shared_ptr<background_work> work;
};
struct background_end {
  std::shared_ptr<background_rest> rest;
};

/// Answers jobs with their ends, in order. What a work throws is thrown by the rest.
using background_actor = caf::typed_actor<caf::reacts_to<background_job>>;
using background_user = caf::typed_actor<caf::reacts_to<background_end>>;

/// Not `detached`: on the actor pool, for runs in virtual time.
background_actor spawn_background(caf::actor_system& system, bool detached = true);

} // namespace tokamak

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tokamak::background_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tokamak::background_end)
