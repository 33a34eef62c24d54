// The conformance test of each kind. All run inside the process apart.
#pragma once

#include "plugin/conformance/checks.hpp"
#include "plugin/host.hpp"
#include "plugin/registry.hpp"

namespace tokamak::plugin::conformance {

/// What a test works with: one extension of the file, the way to name it, and the other extensions of the same file.
struct subject {
  const registry& plugins;
  const extension& what;
  plugin_use use;
  std::uint64_t seed;
  std::uint32_t threads;

  host_settings settings() const;
};

void check_placement(checks& c, const subject& s);
void check_scheduler(checks& c, const subject& s);
void check_cache_policy(checks& c, const subject& s);
void check_fusion(checks& c, const subject& s);
void check_graph_pass(checks& c, const subject& s);
void check_kernels(checks& c, const subject& s);
void check_backend(checks& c, const subject& s);
void check_constraint(checks& c, const subject& s);

} // namespace tokamak::plugin::conformance
