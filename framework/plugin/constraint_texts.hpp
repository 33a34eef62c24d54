// The texts of constraints, checked before anything runs: what an endpoint asks.
#pragma once

#include "plugin/constraint_instance.hpp"

#include <functional>
#include <map>

namespace tokamak::plugin {

/// Constraints without a vocabulary, by name. Several threads at a time.
class constraint_texts {
 public:
  /// Of several uses of one plugin the first counts.
  static expected<std::shared_ptr<const constraint_texts>> create(const registry& from, std::span<const plugin_use> uses,
                                                                  const host_settings& settings);

  /// Errors: the plugin's, for a text that is wrong; unsupported for a constraint that is none of these. Their place is
  /// "constraint", so that frontends can name the field.
  expected<void> check(std::string_view plugin, std::string_view text) const;

 private:
  std::map<std::string, constraint_instance, std::less<>> instances_;
};

/// "engine 'main' has no constraint 'x'; 'json_schema' expected"
error no_such_constraint(std::string_view who, std::string_view name, std::span<const std::string> known);

} // namespace tokamak::plugin
