// The page at /: a chat, and the state of the service as it changes. Its source is page/index.html.
#pragma once

#include <string_view>

namespace tokamak::frontend {

std::string_view web_page();

} // namespace tokamak::frontend
