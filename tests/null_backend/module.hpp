// The one exported symbol of a module that holds one test backend.
#pragma once

#include "null_backend/backends.hpp"

#include <cstdint>

namespace tokamak::test {

/// The descriptor of a plugin with one backend; without extensions if the host speaks another ABI.
inline const tk_plugin* describe_module(const tk_extension& extension, std::uint32_t host_major,
                                        std::uint32_t host_minor) {
  static const tk_plugin full{sizeof(tk_plugin), TK_ABI_MAJOR, TK_ABI_MINOR, extension.name, "0.1.0", "Apache-2.0",
                              extension.summary, &extension, 1};
  static const tk_plugin head{sizeof(tk_plugin), TK_ABI_MAJOR, TK_ABI_MINOR, extension.name, "0.1.0", "Apache-2.0",
                              extension.summary, nullptr, 0};
  return host_major == TK_ABI_MAJOR && host_minor == TK_ABI_MINOR ? &full : &head;
}

inline const tk_option_spec no_delay{"step_us", TK_INTEGER, 0, "0", "how much later a step completes"};
inline const tk_option_spec device_delay{"step_us", TK_INTEGER, 0, "200", "how much later a step completes"};

} // namespace tokamak::test
