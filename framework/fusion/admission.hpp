// What a request must keep to whatever model answers it (DESIGN.md 5, step 2). What depends on the vocabulary or the
// context is checked by the scheduler.
#pragma once

#include "message/frame.hpp"

namespace tokamak::fusion {

/// Bounds of what costs time with every token.
inline constexpr std::uint32_t max_stop_strings = 64;
inline constexpr std::uint32_t max_stop_bytes = 1024;
inline constexpr std::uint32_t max_stop_tokens = 1024;
inline constexpr std::uint32_t max_bias_entries = 4096;
inline constexpr std::uint32_t max_label_bytes = 256; ///< trace, tenant, each key and value of metadata
inline constexpr std::uint32_t max_metadata_entries = 64;

/// Errors (invalid_argument, too_large) say what was found and what was expected. Any thread.
expected<void> check_request(const wire::Open& m);

} // namespace tokamak::fusion
