// The methods of str that look for parts of it or ask about its characters.
#pragma once

#include "model/chat_template/methods.hpp"

namespace tokamak::jinja {

/// The body of such a method, or null.
method_body string_query(std::string_view name);

/// str.strip: of whitespace if `characters` is null, else of any of those characters.
std::string_view strip_text(runtime& rt, std::string_view bytes, const text* characters, bool left, bool right);

} // namespace tokamak::jinja
