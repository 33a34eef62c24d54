// Python's `text % values`.
#pragma once

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

/// `values` is a tuple, a mapping (for %(name)s) or a single value. Raises as Python does.
value percent_format(runtime& rt, const text& pattern, const value& values);

} // namespace tokamak::jinja
