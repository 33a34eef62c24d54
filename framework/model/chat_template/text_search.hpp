// Substring search in linear time, whatever the pattern: a template chooses both texts.
#pragma once

#include <cstddef>
#include <string_view>

#include "model/chat_template/budget.hpp"

namespace tokamak::jinja {

/// First position of `part` at or after `from`, in bytes; npos if none. An empty part is found at `from`.
std::size_t find_text(budget& costs, std::string_view in, std::string_view part, std::size_t from = 0);
/// Last position of `part`; npos if none.
std::size_t find_last_text(budget& costs, std::string_view in, std::string_view part);
/// How often `part` occurs without overlap. REQUIRES: !part.empty()
std::size_t count_text(budget& costs, std::string_view in, std::string_view part);

} // namespace tokamak::jinja
