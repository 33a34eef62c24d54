// Slots of the topology: a plugin's name, or a table of its name and options, checked against the catalog.
#pragma once

#include "topology/draft.hpp"

namespace tokamak::topology {

/// Reads one slot: `key = "name"`, or a table with `plugin = "name"` (left out: the default) and the plugin's options.
plugin_use read_slot(draft& d, table_reader& in, std::string_view key, slot kind, std::string_view default_plugin);

/// Reads an array of such; nothing by default.
std::vector<plugin_use> read_slots(draft& d, table_reader& in, std::string_view key, slot kind);

/// A slot that the file does not mention, in a thing that stands (or would stand) at `where`.
plugin_use default_slot(draft& d, slot kind, std::string_view plugin, position where);

} // namespace tokamak::topology
