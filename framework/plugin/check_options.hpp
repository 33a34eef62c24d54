// Checks a plugin's options against what it says it accepts, and then by the plugin's own validate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/option_tree.hpp"
#include "plugin/registry.hpp"

namespace tokamak::plugin {

/// Every problem found, in file order; empty if the options are good. Unknown keys (with the nearest known one),
/// missing required ones and wrong types are found here; the plugin's `validate` runs only if there are none.
/// Starts nothing. `where` of each error is "file:line:column".
std::vector<error> check_options(const extension& of, const option_value& options, std::string_view file = {});

/// What a plugin's own validate found: the parts of an error, for callers that place it themselves.
struct option_fault {
  errc code = errc::invalid_argument;
  std::string message;
  std::uint32_t line = 0; ///< 0: the plugin as a whole
  std::uint32_t column = 0;
};

/// Only the plugin's `validate`; nothing if it has none or is content. REQUIRES: names and types were checked.
std::optional<option_fault> ask_plugin(const extension& of, const option_value& options);

} // namespace tokamak::plugin
