// HTML escaping, for the filters that ask for it and for strings marked safe.
#pragma once

#include "model/chat_template/runtime.hpp"
#include "model/chat_template/text_builder.hpp"

namespace tokamak::jinja {

/// Appends with & < > ' " as entities.
void append_html(text_builder& out, std::string_view bytes);
/// Appends as it is if it is markup or `escape` is false, else escaped.
void append_escaped(text_builder& out, const text& t, bool escape);
/// markupsafe's escape(): markup of any value.
value escape(runtime& rt, const value& v);

} // namespace tokamak::jinja
