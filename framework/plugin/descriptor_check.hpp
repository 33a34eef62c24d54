// Checks what a plugin says about itself before anything else reads it: a null function found here is a message at
// load time instead of a crash in service.
#pragma once

#include <tokamak/plugin.h>

#include <string_view>

#include "base/error.hpp"

namespace tokamak::plugin {

/// The head of a descriptor: not null, and an ABI that this host speaks. Reads only size and version. `file` goes into
/// `where`.
expected<void> check_head(const tk_plugin* descriptor, std::string_view file);

/// Everything behind the head. REQUIRES: check_head passed.
expected<void> check_descriptor(const tk_plugin& descriptor, std::string_view file);

} // namespace tokamak::plugin
