// Placement plugins: creation, and checking what they chose.
#include "plugin/placement_instance.hpp"

namespace tokamak::plugin {

expected<placement_instance> placement_instance::create(const registry& from, const plugin_use& use,
                                                        host_settings settings) {
  auto made = make(from, use, std::move(settings));
  if (!made) return fail(std::move(made.error()));
  return placement_instance(std::move(*made));
}

expected<std::size_t> placement_instance::choose(const tk_placement_request& request,
                                                 std::span<const tk_placement_member> members) {
  const std::size_t chosen = table().choose(self(), &request, members.data(), members.size());
  if (chosen == members.size())
    return fail(errc::unavailable, fmt::format("placement '{}': no engine is available", name()));
  if (chosen > members.size())
    return fail(errc::internal, fmt::format("placement '{}' chose member {} of {}", name(), chosen, members.size()));
  if (!members[chosen].available)
    return fail(errc::internal, fmt::format("placement '{}' chose '{}', which is not available", name(),
                                            from_tk(members[chosen].name)));
  return chosen;
}

} // namespace tokamak::plugin
