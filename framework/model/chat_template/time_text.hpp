// strftime over a given instant: no clock, no locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/chat_template/budget.hpp"

namespace tokamak::jinja {

/// The format's directives as glibc's strftime has them in the C locale, for `unix_s` as UTC. An
/// unknown directive stays as written.
std::string format_time(budget& costs, std::string_view format, std::int64_t unix_s);

} // namespace tokamak::jinja
