// One instance a name.
#include "plugin/constraint_texts.hpp"

namespace tokamak::plugin {

expected<std::shared_ptr<const constraint_texts>> constraint_texts::create(const registry& from, std::span<const plugin_use> uses,
                                                                           const host_settings& settings) {
  auto made = std::make_shared<constraint_texts>();
  for (const auto& use : uses) {
    if (made->instances_.contains(use.plugin)) continue;
    auto instance = constraint_instance::create(from, use, settings);
    if (!instance) return fail(std::move(instance.error()));
    made->instances_.emplace(use.plugin, std::move(*instance));
  }
  return made;
}

expected<void> constraint_texts::check(std::string_view plugin, std::string_view text) const {
  const auto found = instances_.find(plugin);
  if (found == instances_.end()) {
    std::vector<std::string> known;
    for (const auto& [name, instance] : instances_) known.push_back(name);
    return fail(no_such_constraint("the service", plugin, known));
  }
  auto compiled = found->second.compile(text);
  if (compiled) return {};
  compiled.error().where = "constraint";
  return fail(std::move(compiled.error()));
}

error no_such_constraint(std::string_view who, std::string_view name, std::span<const std::string> known) {
  std::string list;
  for (const auto& n : known) list += fmt::format("{}'{}'", list.empty() ? "" : " or ", n);
  return {errc::unsupported, fmt::format("{} has no constraint '{}'; {} expected", who, name, list.empty() ? "none" : list), "constraint"};
}

} // namespace tokamak::plugin
