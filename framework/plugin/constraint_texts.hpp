// Texts of constraints, each compiled once: an endpoint checks them before anything runs, an engine begins matchers with them.
#pragma once

#include "plugin/constraint_instance.hpp"

#include <functional>
#include <list>
#include <map>
#include <mutex>

namespace tokamak::plugin {

/// Constraints by name, and what became of the texts they read last. Several threads at a time.
class constraint_texts {
 public:
  /// Of several uses of one plugin the first counts. `tokens` as constraint_instance has them. `who`: the owner, for errors.
  static expected<std::shared_ptr<const constraint_texts>> create(std::string who, const registry& from, std::span<const plugin_use> uses,
                                                                  const host_settings& settings, std::span<const std::string> tokens = {});

  /// A matcher at the begin of an answer; only where there are tokens.
  using begin_matcher = std::function<expected<constraint_instance::matcher>()>;
  /// Errors: the plugin's, for a text that is wrong; unsupported for a constraint that is none of these. Their place is
  /// "constraint", so that frontends can name the field.
  expected<begin_matcher> compile(std::string_view plugin, std::string_view text) const;

 private:
  struct entry {
    std::string plugin, text;
    expected<begin_matcher> result;
  };
  std::string who_;
  std::map<std::string, std::shared_ptr<const constraint_instance>, std::less<>> instances_;
  mutable std::mutex mutex_;
  mutable std::list<entry> last_; ///< used last first
};

/// "engine 'main' has no constraint 'x'; 'json_schema' expected"
error no_such_constraint(std::string_view who, std::string_view name, std::span<const std::string> known);

} // namespace tokamak::plugin
