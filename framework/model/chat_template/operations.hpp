// Python's operations on values. All raise failures worded as Python's.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "model/chat_template/runtime.hpp"

namespace tokamak::jinja {

/// Python's name of a value's class: "str", "NoneType", ...
std::string_view type_name(const value& v);
/// How Jinja's messages call an object: "dict object", "None", ...
std::string described(const value& v);
/// Fails with the message of an undefined value; does nothing for any other.
void require_defined(const value& v);

bool truthy(runtime& rt, const value& v);
/// len(), or none if the value has no length.
std::optional<std::size_t> length_of(runtime& rt, const value& v);

bool equals(runtime& rt, const value& a, const value& b);
/// Python's `is`.
bool same(const value& a, const value& b);
enum class order { less, less_equal, greater, greater_equal };
bool compare(runtime& rt, order op, const value& a, const value& b);
std::size_t hash_of(runtime& rt, const value& v);
std::size_t hash_of(std::string_view bytes);
bool contains(runtime& rt, const value& container, const value& item);

/// str(v) and repr(v).
std::string to_string(runtime& rt, const value& v);
std::string to_repr(runtime& rt, const value& v);
/// What Jinja's string filters see: the string itself, or str() of another value.
text to_text(runtime& rt, const value& v);
/// The same, but a failure for anything that is not a string.
const text& require_text(const value& v, std::string_view what);
std::string to_ascii(runtime& rt, const value& v); ///< ascii(v): repr() with escapes for all that is not ASCII
std::string string_repr(std::string_view bytes); ///< repr() of a string

value add(runtime& rt, const value& a, const value& b);
value subtract(runtime& rt, const value& a, const value& b);
value multiply(runtime& rt, const value& a, const value& b);
value divide(runtime& rt, const value& a, const value& b);
value floor_divide(runtime& rt, const value& a, const value& b);
value modulo(runtime& rt, const value& a, const value& b);
value power(runtime& rt, const value& a, const value& b);
value negate(runtime& rt, const value& v);
value affirm(runtime& rt, const value& v);

/// `object.name` and `object[key]` with the sandbox's rules; undefined if there is no such thing.
value get_attribute(runtime& rt, const value& owner, std::string_view name);
value get_item(runtime& rt, const value& owner, const value& key);
/// `object.name` without looking among a mapping's keys.
value get_own_attribute(runtime& rt, const value& owner, std::string_view name);
/// `owner[start:stop:step]`; none stands for an omitted bound.
value slice(runtime& rt, const value& owner, const value& start, const value& stop, const value& step);

} // namespace tokamak::jinja
