// The functions that every template sees: range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
#pragma once

#include <string_view>

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

/// False if there is no global of this name.
bool global_function(runtime& rt, std::string_view name, value& out);

} // namespace tokamak::jinja
