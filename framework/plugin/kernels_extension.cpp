// Kernels plugins: found by name like every other kind.
#include "plugin/kernels_extension.hpp"

#include "plugin/instance.hpp"

namespace tokamak::plugin {

expected<kernels_extension> kernels_extension::create(const registry& from, const plugin_use& use,
                                                      const host_settings& settings) {
  auto found = resolve(from, TK_KIND_KERNELS, use, settings);
  if (!found) return fail(std::move(found.error()));
  return kernels_extension(std::move(*found));
}

} // namespace tokamak::plugin
