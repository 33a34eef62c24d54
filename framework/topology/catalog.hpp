// What the topology checker asks of the installed plugins. The plugin registry implements it; tests use a fake.
#pragma once

#include "base/error.hpp"
#include "base/option_tree.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak::topology {

/// A place in the topology file, from 1; 0: nowhere (a default). Columns count characters.
struct position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend auto operator<=>(const position&, const position&) = default;
};

/// A place in the topology that a plugin fills. Up to `constraint` the numbers are those of tk_kind (plugin.h);
/// `weights` (transforms of a model's weights) gets its number with its first plugin.
enum class slot : std::uint32_t {
  fusion = 1,
  placement = 2,
  scheduler = 3,
  cache = 4,
  graph_pass = 5,
  kernels = 6,
  backend = 7,
  constraint = 8,
  weights = 100
};

/// "fusion", "cache", "graph pass", ...: how messages name a slot.
std::string_view to_string(slot kind);

/// The type of a plugin option; the numbers of tk_option_type.
enum class option_type : std::uint32_t { boolean = 1, integer = 2, real = 3, string = 4, array = 5, table = 6 };

/// What a plugin's own check found.
struct plugin_fault {
  errc code = errc::invalid_argument;
  std::string message; ///< without a place
  position where;      ///< of the option at fault; 0: the plugin as a whole
};

/// The installed plugins as the checker sees them. Called on the thread of load_*; nothing is started.
class plugin_catalog {
public:
  struct option_spec {
    std::string name;
    option_type type = option_type::string;
    bool required = false;
    std::string default_value; ///< as written in TOML; "" if none
    std::string help;
  };

  virtual ~plugin_catalog() = default;

  /// The plugins known for a slot.
  virtual std::vector<std::string> names(slot kind) const = 0;

  /// The options a plugin accepts, valid while the catalog is unchanged; nullptr: no such plugin.
  virtual const std::vector<option_spec>* options(slot kind, std::string_view name) const = 0;

  /// The plugin's own validate; called after names and types were checked and defaults filled in.
  virtual std::optional<plugin_fault> validate(slot kind, std::string_view name, const option_value& options) const = 0;

  /// Upper bound of the tokens that a fusion plugin computes over its members for a request of `max_tokens`, each
  /// member counted as if it were a pool; nullopt if the plugin cannot say.
  virtual std::optional<std::uint64_t> worst_case_tokens(std::string_view fusion, const option_value& options,
                                                         const std::vector<std::string>& members,
                                                         std::uint32_t max_tokens) const = 0;
};

} // namespace tokamak::topology
