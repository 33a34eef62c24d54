// Lets CAF carry frames in mailboxes. Only sources that declare or spawn actors include this (CAF is costly to compile).
#pragma once

#include "message/frame.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

// Frames never pass CAF's own serialisation: between processes the link sends their bytes.
namespace caf {
template <class T>
struct allowed_unsafe_message_type<tokamak::frame_of<T>> : std::true_type {};
} // namespace caf
