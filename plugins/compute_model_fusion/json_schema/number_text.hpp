// Numbers between bounds and multiples, as automata over their decimal text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "json_schema/byte_dfa.hpp"

namespace tokamak::json_schema {

/// A finite number without an exponent: sign, digits before the point ("0" if none) and after it (without zeros at the end).
struct decimal {
  bool negative = false;
  std::string whole, fraction;
  bool zero() const { return whole == "0" && fraction.empty(); }
};

/// Of a JSON number; nothing if it has more than 400 digits written out.
std::optional<decimal> decimal_of(std::string_view json_number);
/// <0, 0, >0.
int compare(const decimal& a, const decimal& b);

byte_dfa any_integer();       ///< of at most 17 digits, without -0
byte_dfa any_number();        ///< as JSON writes them, with at most 17 digits before the point and behind it and exponents of at most two: readers that know doubles read all of these
byte_dfa number_without_exponent();
byte_dfa at_least(const decimal& bound, bool exclusive);
byte_dfa at_most(const decimal& bound, bool exclusive);
/// Nothing if it would need too many states. REQUIRES: of > 0.
std::optional<byte_dfa> multiples(const decimal& of);

} // namespace tokamak::json_schema
