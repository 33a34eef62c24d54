// Numbers to text and back, as Python writes and reads them. Independent of the locale.
#pragma once

#include <string>
#include <string_view>

#include "model/chat_template/value.hpp"

namespace tokamak::jinja {

/// Digits in base 2, 8, 10 or 16 (lower case), with a minus sign if negative.
std::string integer_text(integer number, unsigned base = 10);
/// repr(): the shortest text that reads back as the same number, "1.0", "1e+16", "nan".
std::string real_repr(double number);
/// C's %e, %f or %g (`style`) with this precision; no sign handling beyond '-'. REQUIRES: 0 <= precision <= 1000
std::string real_text(double number, char style, int precision);

/// int(text, base): surrounding spaces, a sign, underscores and, for base 0, 2, 8, 16, a prefix. False if malformed.
bool parse_integer(std::string_view text, int base, integer& out);
/// float(text), "inf" and "nan" included. False if malformed.
bool parse_real(std::string_view text, double& out);

/// int(number) of a float; raises for infinities and NaN.
integer truncated(double number);
/// The integer as a C++ count, or a failure naming `what` if it does not fit 63 bits.
std::int64_t to_count(integer number, std::string_view what);

} // namespace tokamak::jinja
