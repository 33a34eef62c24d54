// The constraints of one engine where it samples: plugins with the model's vocabulary.
#pragma once

#include "plugin/constraint_texts.hpp"
#include "topology/topology.hpp"

#include <functional>
#include <string>
#include <vector>

namespace tokamak::engine {

/// The bytes of each token of a vocabulary, "" where it stands for none.
using token_bytes = std::function<std::vector<std::string>()>;

/// Makes the plugins' instances when the first text comes: most engines never see one. One thread; what it gives is used by any.
class constraints {
public:
  /// `tokens` may be empty: a model without a tokenizer. `registry` outlives it.
  constraints(std::vector<plugin_use> uses, const plugin::registry& registry, plugin::host_settings settings, token_bytes tokens)
      : uses_(std::move(uses)), registry_(registry), settings_(std::move(settings)), tokens_(std::move(tokens)) {}

  using begin_matcher = plugin::constraint_texts::begin_matcher;
  /// Errors: unsupported (no such plugin, no tokenizer), what the plugin says of the text.
  expected<begin_matcher> compile(const std::string& plugin, const std::string& text);

private:
  std::vector<plugin_use> uses_;
  const plugin::registry& registry_;
  plugin::host_settings settings_;
  token_bytes tokens_;
  std::shared_ptr<const plugin::constraint_texts> texts_;
};

} // namespace tokamak::engine
