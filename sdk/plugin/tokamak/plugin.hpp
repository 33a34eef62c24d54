// The plugin ABI in C++20: what most plugin authors use. Header-only over <tokamak/plugin.h>, depends on nothing else.
// Write a class that derives from the kind you make (each kind's header says at its top what the class defines), then
//   TOKAMAK_PLUGIN("my_plugins", "1.0.0", "Apache-2.0", "What they do.", my_placement, my_fusion)
// Exceptions end at the border: they become errors, or a log line where a call has no error. The manual is
// sdk/plugin/README.md.
#pragma once

#include <tokamak/plugin.h>
#include <tokamak/sdk/backend.hpp>
#include <tokamak/sdk/cache_policy.hpp>
#include <tokamak/sdk/constraint.hpp>
#include <tokamak/sdk/failure.hpp>
#include <tokamak/sdk/fusion.hpp>
#include <tokamak/sdk/graph_pass.hpp>
#include <tokamak/sdk/host.hpp>
#include <tokamak/sdk/kernels.hpp>
#include <tokamak/sdk/options.hpp>
#include <tokamak/sdk/placement.hpp>
#include <tokamak/sdk/scheduler.hpp>

namespace tokamak::sdk {

/// The plugin's descriptor; without extensions if the host speaks another ABI.
template <class... Plugins>
const tk_plugin* descriptor(const char* name, const char* version, const char* license, const char* summary,
                            std::uint32_t host_major, std::uint32_t host_minor) noexcept {
  static const tk_extension extensions[] = {extension_of<Plugins>()...};
  static const tk_plugin full{sizeof(tk_plugin), TK_ABI_MAJOR, TK_ABI_MINOR,      name, version, license,
                              summary,           extensions,   sizeof...(Plugins)};
  static const tk_plugin head{sizeof(tk_plugin), TK_ABI_MAJOR, TK_ABI_MINOR, name, version,
                              license,           summary,      nullptr,      0};
  // While MAJOR is 0 every minor version is another ABI; from 1.0 on a newer host carries older plugins.
  const bool fits =
      host_major == TK_ABI_MAJOR && (TK_ABI_MAJOR == 0 ? host_minor == TK_ABI_MINOR : host_minor >= TK_ABI_MINOR);
  return fits ? &full : &head;
}

} // namespace tokamak::sdk

/// Defines the one exported symbol. Once per plugin, outside of any namespace.
#define TOKAMAK_PLUGIN(NAME, VERSION, LICENSE, SUMMARY, ...)                                                       \
  extern "C" TK_EXPORT const tk_plugin* tokamak_plugin(std::uint32_t host_abi_major, std::uint32_t host_abi_minor) { \
    return tokamak::sdk::descriptor<__VA_ARGS__>(NAME, VERSION, LICENSE, SUMMARY, host_abi_major, host_abi_minor);   \
  }
