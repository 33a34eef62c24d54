// One plugin file: opened with dlopen, its ABI checked before anything else of it is read, its descriptor
// checked before anyone else reads it. Everything the framework runs of the four layers comes through here.
#pragma once

#include <tokamak/plugin.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tokamak::plugin {

/// A loaded plugin. Immutable; any thread. The file stays mapped as long as a shared_ptr to it exists, so whoever
/// holds a pointer into it (function, name, option spec) holds one of these.
class library {
 public:
  /// Opens `file` with RTLD_NOW | RTLD_LOCAL and checks the whole descriptor. `sha256` (64 hex digits) is compared
  /// before the file is mapped; empty: not pinned. Every error says why, with the file in `where`.
  static expected<std::shared_ptr<const library>> open(const std::filesystem::path& file,
                                                       std::string_view sha256 = {});
  ~library();
  library(const library&) = delete;
  library& operator=(const library&) = delete;

  const std::filesystem::path& file() const { return file_; }
  const tk_plugin& descriptor() const { return *descriptor_; }
  std::size_t size() const { return descriptor_->n_extensions; }
  /// Extension `index` < size().
  const tk_extension& extension(std::size_t index) const;
  /// What the plugin tells a host of another version: its head, or null.
  const tk_plugin* ask_as(std::uint32_t host_major, std::uint32_t host_minor) const {
    return entry_(host_major, host_minor);
  }

 private:
  library(std::filesystem::path file, void* handle) : file_(std::move(file)), handle_(handle) {}

  std::filesystem::path file_;
  void* handle_ = nullptr;
  tk_plugin_entry entry_ = nullptr;
  const tk_plugin* descriptor_ = nullptr;
};

/// SHA-256 of a file as 64 lower-case hex digits.
expected<std::string> sha256_of(const std::filesystem::path& file);

} // namespace tokamak::plugin
