// A schema as JSON: read within limits, its references found, and how errors are told.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "json_schema/json_schema.hpp"

namespace tokamak::json_schema {

using json = nlohmann::ordered_json; ///< properties keep their order

inline constexpr std::size_t max_schema_bytes = 1u << 20;
inline constexpr int max_schema_depth = 64;

/// "at PATH: found FOUND, expected EXPECTED"; the path of the root is "/".
[[noreturn]] void fail(const std::string& path, const std::string& found, const std::string& expected);
/// A value as an error shows it.
std::string shown(const json& value);
/// The path of a member.
std::string below(const std::string& path, std::string_view key);

json read_schema(std::string_view text);
/// What "#" or "#/a/b" names in `root`.
const json& resolve(const json& root, const json& reference, const std::string& path);

/// Fails where a keyword of the standard stands in the way that is not enforced here.
void refuse_keywords(const json& schema, const std::string& path);
/// Whether a keyword says what a document must be; annotations and unknown words do not.
bool constrains(std::string_view keyword);
bool constrains_beside(const json& schema, std::initializer_list<std::string_view> others);

} // namespace tokamak::json_schema
