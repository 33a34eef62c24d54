// A placement plugin in use: picks the engine of a pool that serves a request.
#pragma once

#include <cstddef>
#include <span>

#include "plugin/instance.hpp"

namespace tokamak::plugin {

class placement_instance : public instance<tk_placement> {
 public:
  static expected<placement_instance> create(const registry& from, const plugin_use& use, host_settings settings);

  /// Index of the chosen member. `unavailable` if the plugin wants none to serve it; `internal` if it chose one that is
  /// not available or does not exist. Allocates nothing unless it fails.
  expected<std::size_t> choose(const tk_placement_request& request, std::span<const tk_placement_member> members);

 private:
  using instance::instance;
};

} // namespace tokamak::plugin
