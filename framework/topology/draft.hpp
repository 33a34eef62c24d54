// A topology in the making: the steps of load.cpp work on one of these, in the order of this file.
#pragma once

#include "topology/paths.hpp"
#include "topology/document.hpp"
#include "topology/findings.hpp"
#include "topology/table_reader.hpp"
#include "topology/topology.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace tokamak::topology {

/// A name written in the file that must be defined elsewhere in it.
struct reference {
  enum class target { model, engine, member /* a pool or an endpoint */, node } to;
  std::string name;
  position where;
};

struct draft {
  topology result;
  findings found;
  const plugin_catalog* catalog = nullptr; ///< may be null
  std::filesystem::path folder;            ///< that relative paths begin at

  std::vector<reference> references;
  std::vector<std::vector<position>> pool_engine_places;     ///< parallel to result.pools and their engines
  std::vector<std::vector<position>> endpoint_member_places; ///< parallel to result.endpoints and their members
  std::vector<position> plugin_path_places;                  ///< parallel to result.plugin_paths
  std::vector<std::vector<position>> endpoint_alias_places;  ///< of each alias, parallel to result.endpoints
  std::vector<position> endpoint_cost_places;                ///< of max_cost_tokens, parallel to result.endpoints
};

/// Reads the whole root table; reports what can be seen in one table alone. Nodes and models first, since others
/// default to them. (sections.cpp)
void read_sections(draft& d, const value::table& root);

/// The tables that are not about models. (settings.cpp, frontends.cpp)
void read_nodes(draft& d, const value::table& table);
void read_links(draft& d, const value::table& table);
void read_frontends(draft& d, const value::table& table);
void read_plugins_table(draft& d, const value::table& table, position where);
void read_operations(draft& d, const value::table& table, position where);

/// Calls `read(reader, name)` for each table of a section such as [engines], then reports the keys it did not ask for, bad
/// names and entries that are no tables. (sections.cpp)
void for_each_table(draft& d, std::string_view section, const value::table& entries,
                    const std::function<void(table_reader&, const std::string&)>& read);

/// The `node` key that engines and frontends have: a defined node, by default the only one. (settings.cpp)
void read_node_key(draft& d, table_reader& in, std::string& into);

/// A path as the file writes it, from the file's folder and with ~ and variables resolved; "" if that cannot be, which is reported.
/// (settings.cpp)
std::string expanded(draft& d, const std::string& text, position where);

/// Reports a path that is not there. `expected` completes "expected ...". (settings.cpp)
void require_path(draft& d, const std::string& path, position where, path_kind kind, std::string_view expected);

/// A path key; what it names must exist. `expected` completes "expected ...". Returns where it stands. (settings.cpp)
position read_path_key(draft& d, table_reader& in, std::string_view key, std::string& into, std::string_view expected);

/// What a file leaves out, made as the format's description says. (defaults.cpp)
void fill_in_nodes(draft& d);     ///< one node "local"
void fill_in_engines(draft& d);   ///< one of each model's name
void fill_in_pools(draft& d);     ///< one for each model that has engines
void fill_in_endpoints(draft& d); ///< one for each pool
void fill_in_frontends(draft& d); ///< zmq at tcp://127.0.0.1:7100

/// Names that are defined nowhere, with the nearest one. (checks.cpp)
void check_references(draft& d);

/// Pools of one model, unique addresses, things that nothing uses. REQUIRES: references are right. (checks.cpp)
void check_structure(draft& d);

/// Cycles among endpoints, and what the largest request may cost. REQUIRES: references are right. (costs.cpp)
void check_endpoints(draft& d);

} // namespace tokamak::topology
