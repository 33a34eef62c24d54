// The constraints of one engine where it samples: plugins with the model's vocabulary, and the texts that they have compiled.
#pragma once

#include "plugin/constraint_instance.hpp"
#include "topology/topology.hpp"

#include <functional>
#include <list>
#include <map>
#include <string>
#include <vector>

namespace tokamak::engine {

/// The bytes of each token of a vocabulary, "" where it stands for none.
using token_bytes = std::function<std::vector<std::string>()>;

/// Makes a plugin's instance when the first text for it comes: most engines never see one. One thread; what it gives is
/// used by any.
class constraints {
public:
  /// `tokens` may be empty: a model without a tokenizer. `registry` outlives it.
  constraints(std::vector<plugin_use> uses, const plugin::registry& registry, plugin::host_settings settings, token_bytes tokens);

  /// A matcher at the begin of an answer.
  using begin_matcher = std::function<expected<plugin::constraint_instance::matcher>()>;
  /// Errors: unsupported (no such plugin, no tokenizer), what the plugin says of the text.
  expected<begin_matcher> compile(const std::string& plugin, const std::string& text);

private:
  struct entry {
    std::string plugin, text;
    plugin::constraint_instance::compiled compiled;
  };
  expected<std::shared_ptr<const plugin::constraint_instance>> instance_of(const std::string& plugin);

  std::vector<plugin_use> uses_;
  const plugin::registry& registry_;
  plugin::host_settings settings_;
  token_bytes tokens_;
  std::map<std::string, std::shared_ptr<const plugin::constraint_instance>> instances_;
  std::list<entry> compiled_; ///< used last first
};

} // namespace tokamak::engine
