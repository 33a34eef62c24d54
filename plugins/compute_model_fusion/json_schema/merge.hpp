// allOf: several schemas as one that demands what all of them demand.
#pragma once

#include "json_schema/schema_text.hpp"

namespace tokamak::json_schema {

class merger {
 public:
  explicit merger(const json& root) : root_(root) {}

  /// Resolves $ref and allOf at the top of `schema`, not below. Its other keywords, annotations apart, stay as they are.
  json flat(const json& schema, const std::string& path, int depth = 0);

 private:
  void into(json& to, const json& from, const std::string& path);
  void properties(json& to, const json& from);
  void spend(const json& on, const std::string& path);

  const json& root_;
  std::size_t spent_ = 0;
};

/// "nullable" of OpenAPI 3.0 as a further type.
void allow_null(json& schema);
/// Both, as one schema; equal ones stand once.
json both(const json& a, const json& b);

} // namespace tokamak::json_schema
