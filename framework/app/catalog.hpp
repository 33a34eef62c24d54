// The installed plugins as the topology checker sees them: an adapter from plugin::registry to topology::plugin_catalog.
#pragma once

#include "plugin/registry.hpp"
#include "topology/catalog.hpp"

#include <map>

namespace tokamak::app {

/// The registry must outlive it. One thread.
class registry_catalog final : public topology::plugin_catalog {
public:
  explicit registry_catalog(const plugin::registry& from);

  std::vector<std::string> names(topology::slot kind) const override;
  const std::vector<option_spec>* options(topology::slot kind, std::string_view name) const override;
  std::optional<topology::plugin_fault> validate(topology::slot kind, std::string_view name, const option_value& options) const override;
  std::optional<std::uint64_t> worst_case_tokens(std::string_view fusion, const option_value& options,
                                                 const std::vector<std::string>& members, std::uint32_t max_tokens) const override;

private:
  const plugin::registry& registry_;
  std::map<std::pair<topology::slot, std::string>, std::vector<option_spec>, std::less<>> specs_;
};

} // namespace tokamak::app
