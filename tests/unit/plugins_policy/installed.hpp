// The installed plugins and a short way to name one of them with options.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "base/option_tree.hpp"
#include "plugin/host.hpp"
#include "plugin/registry.hpp"

namespace tokamak::plugin {

/// From TOKAMAK_PLUGIN_PATH, which ctest sets to the build's plugins.
inline const registry& installed() {
  static const registry r = [] {
    std::vector<error> problems; // other plugins may be absent or half built; these tests need only their own
    return registry::scan({}, {}, &problems);
  }();
  return r;
}

inline plugin_use use(std::string name, option_value::table options = {}) {
  return {std::move(name), option_value{std::move(options), 2, 1}, 1, 1};
}

inline option_value value(decltype(option_value::value) v) { return {std::move(v), 3, 7}; }
inline option_value number(std::int64_t v) { return value(v); }

inline host_settings settings() {
  host_settings s;
  s.name = "test";
  s.file = "t.toml";
  return s;
}

} // namespace tokamak::plugin
