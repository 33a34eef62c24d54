// What the instances of all kinds have in common: one object made by a plugin, with its host, its options and its
// library kept alive, destroyed once.
#pragma once

#include <tokamak/plugin.h>

#include <memory>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/option_tree.hpp"
#include "plugin/host.hpp"
#include "plugin/kind.hpp"
#include "plugin/registry.hpp"

namespace tokamak::plugin {

/// Finds the extension and checks the options: all that comes before a plugin's create. Positions of `use` go into
/// the errors that have none of their own.
expected<extension> resolve(const registry& from, tk_kind kind, const plugin_use& use, const host_settings& settings);

/// Owner of one plugin object. Base of the typed wrappers; move-only, one thread at a time.
template <class Table>
class instance {
 public:
  std::string_view name() const { return core_->from.name(); }
  /// Keeps the plugin's code and constants loaded for as long as the caller holds it.
  const std::shared_ptr<const library>& from() const { return core_->from.from(); }

 protected:
  struct core {
    core(extension e, host_settings settings, option_value options)
        : from(std::move(e)), host(std::move(settings), std::move(options)), table(from.table<Table>()) {}
    ~core() {
      host.end_timers();
      if (created) table.destroy(self);
    }
    core(const core&) = delete;
    core& operator=(const core&) = delete;

    error failure(tk_status status, const tk_error& e) const {
      return to_error(status, e, fmt::format("{} '{}'", to_string(from.kind()), from.name()), host.settings().file);
    }

    extension from; // first, so that the code outlives everything made by it
    instance_host host;
    const Table& table;
    void* self = nullptr;
    bool created = false;
  };

  explicit instance(std::shared_ptr<core> c) : core_(std::move(c)) {}

  /// `extra` are the arguments of this kind's create between the options and the result.
  template <class... Extra>
  static expected<std::shared_ptr<core>> make(const registry& from, const plugin_use& use, host_settings settings,
                                              Extra... extra) {
    auto found = resolve(from, kind_of<Table>, use, settings);
    if (!found) return fail(std::move(found.error()));
    auto made = std::make_shared<core>(std::move(*found), std::move(settings), use.options);
    tk_error e = empty_error();
    const tk_status status = made->table.create(made->host.get(), made->host.options(), extra..., &made->self, &e);
    if (status != TK_OK) {
      if (e.line == 0) {
        e.line = use.line;
        e.column = use.column;
      }
      return fail(made->failure(status, e));
    }
    made->created = true;
    return made;
  }

  const Table& table() const { return core_->table; }
  void* self() const { return core_->self; }

  std::shared_ptr<core> core_;
};

} // namespace tokamak::plugin
