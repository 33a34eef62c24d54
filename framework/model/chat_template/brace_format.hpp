// Python's str.format and the format specifications of its fields.
#pragma once

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

/// text.format(*args, **kwargs), attribute access under the sandbox's rules.
value brace_format(runtime& rt, const text& pattern, arguments& args);

} // namespace tokamak::jinja
