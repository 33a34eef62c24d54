// What is held against a topology's raw text before the TOML parser sees it.
#pragma once

#include "topology/findings.hpp"

#include <optional>
#include <string_view>

namespace tokamak::topology {

/// Anything over `max_bytes`, not UTF-8, or nested deeper than `max_nesting` in brackets or in dotted keys: the parser and
/// the destructors of its trees recurse, and neither limits dotted keys.
std::optional<finding> check_text(std::string_view text, std::size_t max_bytes, unsigned max_nesting);

} // namespace tokamak::topology
