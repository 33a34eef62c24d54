// Python's pprint for the values that templates have.
#pragma once

#include <string>

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

/// pprint.pformat(v): containers wider than 80 characters go over several lines, keys sorted. Unlike
/// Python's, a long string stays in one piece.
std::string pretty_print(runtime& rt, const value& v);

} // namespace tokamak::jinja
