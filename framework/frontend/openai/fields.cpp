// One line of error for whatever a field can be that it should not.
#include "frontend/openai/fields.hpp"

#include "base/nearest_name.hpp"
#include "frontend/openai/json_text.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tokamak::frontend::openai {

namespace {

constexpr std::size_t most_shown = 64; ///< bytes of a client's text in a message

std::string_view name_of(const json& value) {
  switch (value.type()) {
    case json::value_t::null: return "null";
    case json::value_t::boolean: return "a boolean";
    case json::value_t::string: return "a string";
    case json::value_t::array: return "an array";
    case json::value_t::object: return "an object";
    default: return "a number";
  }
}

} // namespace

std::string element(std::string_view path, std::size_t index) { return fmt::format("{}[{}]", path, index); }

void note(finding& found, api_error error) {
  if (!found) found = std::move(error);
}

api_error type_error(std::string path, std::string_view wanted, const json& got) {
  auto message = fmt::format("'{}' must be {}, got {}", path, wanted, name_of(got));
  return wrong_request(std::move(message), std::move(path), "invalid_type");
}

std::optional<std::int32_t> token_of(const json& value) {
  constexpr std::int64_t largest = std::numeric_limits<std::int32_t>::max();
  if (value.is_number_unsigned() && value.get<std::uint64_t>() <= largest) return static_cast<std::int32_t>(value.get<std::uint64_t>());
  return std::nullopt;
}

fields::fields(const json& object, std::string path, finding& found) : object_(object), path_(std::move(path)), found_(found) {}

std::string fields::path_of(std::string_view name) const {
  if (path_.empty()) return std::string(name);
  return name.empty() ? path_ : fmt::format("{}.{}", path_, name);
}

const json* fields::find(std::string_view name) {
  known_.push_back(name);
  for (auto it = object_.begin(); it != object_.end(); ++it)
    if (it.key() == name) return it->is_null() ? nullptr : &*it;
  return nullptr;
}

void fields::wrong(std::string_view name, std::string message, std::string code) {
  note(found_, wrong_request(std::move(message), path_of(name), std::move(code)));
}

void fields::wrong_type(std::string_view name, std::string_view wanted, const json& got) { note(found_, type_error(path_of(name), wanted, got)); }

void fields::missing(std::string_view name) {
  wrong(name, fmt::format("'{}' is missing", path_of(name)), "missing_required_parameter");
}

void fields::unsupported(std::string_view name, std::string_view why) {
  if (!find(name)) return;
  wrong(name, fmt::format("'{}' is not supported{}{}", path_of(name), why.empty() ? "" : ": ", why), "unsupported_parameter");
}

const json* fields::array(std::string_view name) {
  const auto* value = find(name);
  if (!value || value->is_array()) return value;
  wrong_type(name, "an array", *value);
  return nullptr;
}

const json* fields::object(std::string_view name) {
  const auto* value = find(name);
  if (!value || value->is_object()) return value;
  wrong_type(name, "an object", *value);
  return nullptr;
}

const std::string* fields::text(std::string_view name) {
  const auto* value = find(name);
  if (!value) return nullptr;
  if (value->is_string()) return value->get_ptr<const std::string*>();
  wrong_type(name, "a string", *value);
  return nullptr;
}

std::optional<bool> fields::flag(std::string_view name) {
  const auto* value = find(name);
  if (!value) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  wrong_type(name, "a boolean", *value);
  return std::nullopt;
}

std::optional<double> fields::checked(std::string_view name, double value, range within, const json& got) {
  if (value <= within.high && (within.above_low ? value > within.low : value >= within.low)) return value;
  const auto text = got.dump();
  if (within.above_low)
    wrong(name, fmt::format("'{}' must be above {} and at most {}, got {}", path_of(name), within.low, within.high, text));
  else if (value < within.low && within.high >= std::numeric_limits<std::int32_t>::max())
    wrong(name, fmt::format("'{}' must be at least {}, got {}", path_of(name), within.low, text));
  else
    wrong(name, fmt::format("'{}' must be between {} and {}, got {}", path_of(name), within.low, within.high, text));
  return std::nullopt;
}

std::optional<double> fields::number(std::string_view name, range within) {
  const auto* value = find(name);
  if (!value) return std::nullopt;
  if (value->is_number()) return checked(name, value->get<double>(), within, *value);
  wrong_type(name, "a number", *value);
  return std::nullopt;
}

std::optional<std::int64_t> fields::integer(std::string_view name, range within) {
  const auto* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_number()) {
    wrong_type(name, "an integer", *value);
    return std::nullopt;
  }
  const auto number = value->get<double>();
  if (std::trunc(number) != number) {
    wrong(name, fmt::format("'{}' must be an integer, got {}", path_of(name), value->dump()), "invalid_type");
    return std::nullopt;
  }
  const auto ok = checked(name, number, within, *value);
  return ok ? std::optional(static_cast<std::int64_t>(*ok)) : std::nullopt;
}

void fields::finish() {
  if (found_) return;
  for (auto it = object_.begin(); it != object_.end(); ++it) {
    if (it->is_null() || std::find(known_.begin(), known_.end(), it.key()) != known_.end()) continue;
    const auto name = shortened(it.key(), most_shown);
    const auto near = nearest_name(name, known_);
    const auto question = near.empty() ? std::string() : fmt::format("; did you mean '{}'?", path_of(near));
    return wrong(name, fmt::format("unknown field '{}'{}", path_of(name), question), "unknown_parameter");
  }
}

} // namespace tokamak::frontend::openai
