// Plugins first: the file's own options are checked by them.
#include "app/loaded_topology.hpp"

#include "app/catalog.hpp"

#include <cstdio>

namespace tokamak::app {

tl::expected<loaded_topology, std::vector<error>> load_topology(const std::string& path) {
  auto first = topology::load_file(path, nullptr);
  if (!first.value) return tl::unexpected(std::move(first.errors));
  std::vector<std::filesystem::path> paths(first.value->plugin_paths.begin(), first.value->plugin_paths.end());
  plugin::pins pins;
  for (const auto& pin : first.value->plugin_pins) pins.emplace(pin.file, pin.sha256);
  auto registry = plugin::registry::load(paths, pins);
  if (!registry) return tl::unexpected(std::vector<error>{registry.error()});
  const registry_catalog catalog(*registry);
  auto checked = topology::load_file(path, &catalog);
  if (!checked.value) return tl::unexpected(std::move(checked.errors));
  return loaded_topology{std::move(*registry), std::move(*checked.value), std::move(checked.warnings)};
}

std::optional<loaded_topology> load_topology_or_complain(const std::string& path) {
  auto loaded = load_topology(path);
  if (!loaded) {
    for (const auto& e : loaded.error()) std::fprintf(stderr, "tokamak: %s\n", e.to_string().c_str());
    return std::nullopt;
  }
  for (const auto& w : loaded->warnings) std::fprintf(stderr, "tokamak: warning: %s\n", w.to_string().c_str());
  return std::move(*loaded);
}

} // namespace tokamak::app
