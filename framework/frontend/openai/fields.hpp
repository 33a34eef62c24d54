// Typed fields of a JSON object of a request. What nobody asked for is an error: no field is ignored in silence.
#pragma once

#include "frontend/openai/request_body.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::frontend::openai {

/// The first thing that is wrong with a request; what is found later is not told.
using finding = std::optional<api_error>;

/// A range of numbers. `above_low`: its lower end does not belong to it.
struct range {
  double low;
  double high;
  bool above_low = false;
};

inline constexpr double most_integer = 9007199254740992.; ///< 2⁵³: doubles are exact up to here
inline constexpr range any_number = {-most_integer, most_integer};

/// Reads one object. A field that is null counts as absent. Getters return nothing for a field that is absent, or wrong: then `found`
/// says how. Single-threaded; refers to the object and to `found`.
class fields {
public:
  /// `path`: of the object in the request, as "messages[2]"; "" is the request itself.
  fields(const json& object, std::string path, finding& found);

  /// The field whatever its type, or null.
  const json* find(std::string_view name);
  const json* array(std::string_view name);
  const json* object(std::string_view name);
  const std::string* text(std::string_view name);
  std::optional<bool> flag(std::string_view name);
  std::optional<double> number(std::string_view name, range within);
  /// REQUIRES: the range's ends are exact as double.
  std::optional<std::int64_t> integer(std::string_view name, range within);

  /// The field must not be there: "'NAME' is not supported", ": WHY".
  void unsupported(std::string_view name, std::string_view why = {});
  /// Notes what is wrong with a field ("" is the object).
  void wrong(std::string_view name, std::string message, std::string code = "invalid_value");
  /// "'stop' must be a string or an array, got a number"
  void wrong_type(std::string_view name, std::string_view wanted, const json& got);
  /// "'model' is missing"
  void missing(std::string_view name);
  /// Call it last: a field that was not asked for is unknown, with the nearest name that was.
  void finish();

  std::string path_of(std::string_view name) const;
  finding& found() { return found_; }

private:
  std::optional<double> checked(std::string_view name, double value, range within, const json& got);

  const json& object_;
  std::string path_;
  finding& found_;
  std::vector<std::string_view> known_;
};

/// "messages" and 2: "messages[2]".
std::string element(std::string_view path, std::size_t index);
/// Notes an error, unless one was before.
void note(finding& found, api_error error);
/// "'PATH' must be WANTED, got a string"
api_error type_error(std::string path, std::string_view wanted, const json& got);
/// A token id, written as a JSON integer from 0 to 2³¹-1.
std::optional<std::int32_t> token_of(const json& value);

} // namespace tokamak::frontend::openai
