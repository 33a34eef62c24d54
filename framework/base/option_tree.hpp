// Option trees: a plugin's own part of a topology file as plain values that remember where they stood.
// Made by framework/topology from TOML, read by plugins through tk_options (framework/plugin).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tokamak {

struct option_entry;

/// A TOML value with its position (line and column from 1; 0 where it comes from no file).
struct option_value {
  using array = std::vector<option_value>;
  using table = std::vector<option_entry>; ///< in file order, keys unique

  std::variant<bool, std::int64_t, double, std::string, array, table> value; ///< of a fresh one: false
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  const table* as_table() const { return std::get_if<table>(&value); }
  const array* as_array() const { return std::get_if<array>(&value); }
  /// The entry of a table by key; nullptr if this is no table or has no such key.
  const option_value* find(std::string_view key) const;
};

struct option_entry {
  std::string key;
  option_value value;
};

inline const option_value* option_value::find(std::string_view key) const {
  if (const auto* t = as_table())
    for (const auto& entry : *t)
      if (entry.key == key) return &entry.value;
  return nullptr;
}

/// A plugin named in a slot of the topology, with its options (a table, possibly empty).
struct plugin_use {
  std::string plugin;
  option_value options{option_value::table{}, 0, 0};
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

} // namespace tokamak
