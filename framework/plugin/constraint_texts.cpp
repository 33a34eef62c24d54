// One instance a name, and a list of the texts that came last.
#include "plugin/constraint_texts.hpp"

#include <algorithm>

namespace tokamak::plugin {
namespace {

/// Clients ask again and again for the same, and one request may ask for many answers; a text may cost a good part of a second.
constexpr std::size_t kept_texts = 64;

} // namespace

expected<std::shared_ptr<const constraint_texts>> constraint_texts::create(std::string who, const registry& from, std::span<const plugin_use> uses,
                                                                           const host_settings& settings, std::span<const std::string> tokens) {
  auto made = std::make_shared<constraint_texts>();
  made->who_ = std::move(who);
  for (const auto& use : uses) {
    if (made->instances_.contains(use.plugin)) continue;
    auto instance = constraint_instance::create(from, use, settings, tokens);
    if (!instance) return fail(std::move(instance.error()));
    made->instances_.emplace(use.plugin, std::make_shared<const constraint_instance>(std::move(*instance)));
  }
  return made;
}

expected<constraint_texts::begin_matcher> constraint_texts::compile(std::string_view plugin, std::string_view text) const {
  const auto found = instances_.find(plugin);
  if (found == instances_.end()) {
    std::vector<std::string> known;
    for (const auto& [name, instance] : instances_) known.push_back(name);
    return fail(no_such_constraint(who_, plugin, known));
  }
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(last_.begin(), last_.end(), [&](const entry& e) { return e.plugin == plugin && e.text == text; });
    if (known != last_.end()) {
      last_.splice(last_.begin(), last_, known);
      return known->result;
    }
  }
  auto compiled = found->second->compile(text);
  expected<begin_matcher> result;
  if (compiled) {
    result = [instance = found->second, of = std::move(*compiled)] { return instance->match(of); };
  } else {
    compiled.error().where = "constraint";
    result = fail(std::move(compiled.error()));
  }
  const std::lock_guard lock(mutex_);
  last_.push_front({std::string(plugin), std::string(text), result});
  if (last_.size() > kept_texts) last_.pop_back();
  return result;
}

error no_such_constraint(std::string_view who, std::string_view name, std::span<const std::string> known) {
  std::string list;
  for (const auto& n : known) list += fmt::format("{}'{}'", list.empty() ? "" : " or ", n);
  return {errc::unsupported, fmt::format("{} has no constraint '{}'; {} expected", who, name, list.empty() ? "none" : list), "constraint"};
}

} // namespace tokamak::plugin
