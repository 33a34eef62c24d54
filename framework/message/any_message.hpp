// Frames of any type in and out of CAF messages: for links, which pass on what they need not understand.
#pragma once

#include "message/actor_frame.hpp"

#include <caf/mailbox_element.hpp>

#include <optional>

namespace tokamak {

/// One frame as it goes into a mailbox. REQUIRES: a known type and a storage. Any thread.
caf::mailbox_element_ptr to_element(const any_frame& frame, caf::strong_actor_ptr sender, caf::message_id id);

/// The frame of a message that is one frame and nothing else. Any thread.
std::optional<any_frame> frame_in(const caf::type_erased_tuple& message);

} // namespace tokamak
