// The escapes of string literals in templates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tokamak::jinja {

/// The text between the quotes with Python's escapes resolved. Fails as malformed at `line`.
std::string unescape(std::string_view body, std::uint32_t line);

} // namespace tokamak::jinja
