// One actor; the clock delivers each call to it as a message.
#include "engine/timers.hpp"

#include <caf/all.hpp>

#include <chrono>

namespace tokamak::engine {

/// A function as a message. It stays in this process.
struct due_call {
  std::function<void()> run;
};

} // namespace tokamak::engine

namespace caf {
template <>
struct allowed_unsafe_message_type<tokamak::engine::due_call> : std::true_type {};
} // namespace caf

namespace tokamak::engine {
namespace {

using timers_actor = caf::typed_actor<caf::reacts_to<due_call>>; // what is due

// A class, since CAF's way to start a function that takes no arguments follows a null pointer.
struct timers final : timers_actor::base {
  explicit timers(caf::actor_config& config) : timers_actor::base(config) {}
  behavior_type make_behavior() override {
    return {[](const due_call& call) { call.run(); }};
  }
};

} // namespace

call_later_function timers_of(caf::actor_system& system) {
  return [actor = system.spawn<timers>()](std::uint64_t delay_us, std::function<void()> call) {
    caf::delayed_anon_send(actor, std::chrono::microseconds(delay_us), due_call{std::move(call)});
  };
}

} // namespace tokamak::engine
