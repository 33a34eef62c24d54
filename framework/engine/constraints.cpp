// Instances and compiled texts, each made once.
#include "engine/constraints.hpp"

#include "plugin/constraint_texts.hpp"

#include <algorithm>

namespace tokamak::engine {
namespace {

/// Texts kept beside those in use: clients ask again and again for the same.
constexpr std::size_t kept_texts = 64;

} // namespace

constraints::constraints(std::vector<plugin_use> uses, const plugin::registry& registry, plugin::host_settings settings,
                         token_bytes tokens)
    : uses_(std::move(uses)), registry_(registry), settings_(std::move(settings)), tokens_(std::move(tokens)) {}

expected<std::shared_ptr<const plugin::constraint_instance>> constraints::instance_of(const std::string& plugin) {
  if (const auto made = instances_.find(plugin); made != instances_.end()) return made->second;
  const auto use = std::find_if(uses_.begin(), uses_.end(), [&](const auto& u) { return u.plugin == plugin; });
  if (use == uses_.end()) {
    std::vector<std::string> known;
    for (const auto& u : uses_) known.push_back(u.plugin);
    return fail(plugin::no_such_constraint("the engine", plugin, known));
  }
  if (!tokens_) return fail(errc::unsupported, "the model has no tokenizer, which constraints need");
  auto instance = plugin::constraint_instance::create(registry_, *use, settings_, tokens_());
  if (!instance) return fail(instance.error());
  return instances_.emplace(plugin, std::make_shared<const plugin::constraint_instance>(std::move(*instance))).first->second;
}

expected<constraints::begin_matcher> constraints::compile(const std::string& plugin, const std::string& text) {
  auto instance = instance_of(plugin);
  if (!instance) return fail(instance.error());
  auto known = std::find_if(compiled_.begin(), compiled_.end(), [&](const entry& e) { return e.plugin == plugin && e.text == text; });
  if (known != compiled_.end()) {
    compiled_.splice(compiled_.begin(), compiled_, known);
  } else {
    auto compiled = (*instance)->compile(text);
    if (!compiled) return fail(compiled.error());
    compiled_.push_front({plugin, text, std::move(*compiled)});
    if (compiled_.size() > kept_texts) compiled_.pop_back();
  }
  return [instance = *instance, compiled = compiled_.front().compiled] { return instance->match(compiled); };
}

} // namespace tokamak::engine
