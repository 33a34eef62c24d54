// Frames of any type in and out of CAF messages: for links, which pass on what they need not understand.
#pragma once

#include "message/actor_frame.hpp"

#include <caf/message.hpp>

#include <optional>

namespace tokamak {

/// A message of one frame. REQUIRES: a known type and a storage. Any thread.
caf::message to_message(const any_frame& frame);

/// The frame of a message that is one frame and nothing else. Any thread.
std::optional<any_frame> frame_in(const caf::message& message);

} // namespace tokamak
