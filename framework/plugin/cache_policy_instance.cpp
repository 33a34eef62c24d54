// Cache policy plugins: creation. The calls are in the header, for they are short and often.
#include "plugin/cache_policy_instance.hpp"

namespace tokamak::plugin {

expected<cache_policy_instance> cache_policy_instance::create(const registry& from, const plugin_use& use,
                                                              host_settings settings, std::uint32_t block_size,
                                                              std::uint32_t n_groups) {
  if (!block_size || !n_groups)
    return fail(errc::invalid_argument,
                fmt::format("cache_policy '{}': block size {} and {} groups; at least 1 of each expected", use.plugin,
                            block_size, n_groups));
  auto made = make(from, use, std::move(settings), block_size, n_groups);
  if (!made) return fail(std::move(made.error()));
  return cache_policy_instance(std::move(*made), block_size, n_groups);
}

} // namespace tokamak::plugin
