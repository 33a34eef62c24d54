// The typed registry: which extensions are installed, found by (kind, name). Start here to use a plugin, then
// create its instance with the wrapper of its kind (fusion_instance, backend_instance, …).
#pragma once

#include <tokamak/plugin.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/option_tree.hpp"
#include "plugin/library.hpp"

namespace tokamak::plugin {

/// One extension of a loaded library; keeps the library loaded. Cheap to copy, any thread.
class extension {
 public:
  extension(std::shared_ptr<const library> from, const tk_extension& descriptor)
      : library_(std::move(from)), descriptor_(&descriptor) {}

  tk_kind kind() const { return descriptor_->kind; }
  std::string_view name() const { return descriptor_->name; }
  std::string_view summary() const { return descriptor_->summary ? descriptor_->summary : ""; }
  std::span<const tk_option_spec> specs() const { return {descriptor_->options, descriptor_->n_options}; }
  const tk_extension& descriptor() const { return *descriptor_; }
  const std::shared_ptr<const library>& from() const { return library_; }
  /// The function table; REQUIRES: kind() == kind_of<Table>.
  template <class Table>
  const Table& table() const {
    return *static_cast<const Table*>(descriptor_->functions);
  }

 private:
  std::shared_ptr<const library> library_;
  const tk_extension* descriptor_;
};

/// SHA-256 pins: file name ("cpu.so") → 64 hex digits. A pinned file with another digest is not loaded.
using pins = std::map<std::string, std::string, std::less<>>;

/// All extensions of the search path. Immutable after loading, any thread; copies share the libraries.
class registry {
 public:
  /// Loads every *.so of the search path: `paths` (folders, or single files), then the folders in the environment
  /// variable TOKAMAK_PLUGIN_PATH (separated by ':'), then `<folder of the executable>/../lib/tokamak/plugins` if it
  /// exists. A file name found again in a later folder is shadowed by the first. Fails at the first file that does not
  /// load, at two files with the same (kind, name), and at a pin whose file is nowhere.
  static expected<registry> load(std::span<const std::filesystem::path> paths = {}, const pins& pinned = {});

  /// The same, but goes on past files that do not load: for listing what is installed. `problems` may be null.
  static registry scan(std::span<const std::filesystem::path> paths, const pins& pinned, std::vector<error>* problems);

  /// Adds one file. Fails, adding nothing, if one of its (kind, name) is taken.
  expected<void> add(std::shared_ptr<const library> file);

  /// Sorted by kind, then name.
  std::span<const extension> extensions() const { return extensions_; }
  /// Names of one kind, sorted; valid while the registry lives.
  std::vector<std::string_view> names(tk_kind kind) const;
  /// not_found names the nearest and all known names of that kind.
  expected<extension> find(tk_kind kind, std::string_view name) const;
  /// Options that the extension accepts; valid while the registry lives.
  expected<std::span<const tk_option_spec>> specs(tk_kind kind, std::string_view name) const;
  /// Everything wrong with `options` (see check_options.hpp); positions are in `file`.
  std::vector<error> validate(tk_kind kind, std::string_view name, const option_value& options,
                              std::string_view file = {}) const;

 private:
  const extension* search(tk_kind kind, std::string_view name) const;

  std::vector<extension> extensions_;
};

} // namespace tokamak::plugin
