// Regular expressions of `pattern` (ECMA-262, the part that is regular), compiled to automata over the bytes of a JSON string with its quotes.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "json_schema/byte_dfa.hpp"

namespace tokamak::json_schema {

/// what(): what was found in the pattern, where, and what is expected.
struct regex_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The JSON strings in which `pattern` is found. They are written in one way only: characters as themselves, escapes where JSON demands one.
byte_dfa strings_with(std::string_view pattern);

/// A pattern that `format` demands; empty if the format is not known, and so an annotation.
std::string_view pattern_of_format(std::string_view format);

} // namespace tokamak::json_schema
