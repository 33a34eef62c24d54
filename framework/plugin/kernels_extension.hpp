// A kernels plugin in use: implementations of ops that are handed to a backend. It has no instance.
#pragma once

#include <span>
#include <string_view>

#include "base/error.hpp"
#include "base/option_tree.hpp"
#include "plugin/host.hpp"
#include "plugin/registry.hpp"

namespace tokamak::plugin {

/// Keeps its library loaded. Any thread.
class kernels_extension {
 public:
  static expected<kernels_extension> create(const registry& from, const plugin_use& use, const host_settings& settings);

  std::string_view name() const { return extension_.name(); }
  /// Valid while this object (or a copy) lives.
  std::span<const tk_kernel> kernels() const {
    const auto& t = extension_.table<tk_kernels>();
    return {t.kernels, t.n_kernels};
  }

 private:
  explicit kernels_extension(extension e) : extension_(std::move(e)) {}

  extension extension_;
};

} // namespace tokamak::plugin
