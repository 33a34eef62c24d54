// The smallest plugin: a placement that always picks the first engine that is available.
#include <tokamak/plugin.hpp>

struct first_available : tokamak::sdk::placement {
  static constexpr const char* name = "first_available"; // placement = "first_available" in a topology
  static constexpr const char* summary = "Picks the first available engine.";

  first_available(tokamak::sdk::host, const tokamak::sdk::option_table&) {}

  std::size_t choose(const tk_placement_request&, std::span<const tk_placement_member> members) {
    for (std::size_t i = 0; i < members.size(); ++i)
      if (members[i].available) return i;
    return members.size(); // nobody
  }
};

TOKAMAK_PLUGIN("minimal", "1.0.0", "Apache-2.0", "The smallest plugin there is.", first_available)
