// The methods and attributes that Python's built-in classes have and the sandbox allows.
#pragma once

#include <initializer_list>
#include <string_view>

#include "model/chat_template/objects.hpp"

namespace tokamak::jinja {

// Python's getattr on a value of each class: true and `out` if the attribute exists, which may be an
// undefined value that reports the sandbox's refusal.
bool string_attribute(runtime& rt, const value& self, std::string_view name, value& out);
bool list_attribute(runtime& rt, list_object* self, std::string_view name, value& out);
bool dict_attribute(runtime& rt, dict_object* self, std::string_view name, value& out);
bool range_attribute(runtime& rt, range_object* self, std::string_view name, value& out);
bool number_attribute(runtime& rt, const value& self, std::string_view name, value& out);

/// The body of a method of str, or null.
method_body string_method(std::string_view name);

/// str.join, str.replace and str.split are filters and formatting's building blocks too.
value join_text(runtime& rt, const text& separator, const value& items);
value replace_text(runtime& rt, const text& in, std::string_view from, const text& to, std::int64_t count);
std::vector<std::string_view> split_lines(runtime& rt, std::string_view bytes, bool keep_ends);

} // namespace tokamak::jinja
