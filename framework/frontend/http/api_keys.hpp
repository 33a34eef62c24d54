// API keys of HTTP clients, read from a file.
#pragma once

#include "base/error.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tokamak::frontend {

/// Keys by what clients send as `Authorization: Bearer KEY`, each with the name of its owner. Immutable; any thread.
class api_keys {
public:
  /// Lines "NAME KEY"; empty ones and those that begin with # say nothing. Errors: io, and invalid_argument for a line that is no such thing,
  /// a key of fewer than 16 characters, or one that two owners have.
  static expected<api_keys> read(const std::string& path);
  static expected<api_keys> parse(std::string_view text, const std::string& name);

  /// The owner of the key in an Authorization field.
  std::optional<std::string> owner(std::string_view authorization) const;
  std::size_t size() const { return owners_.size(); }

private:
  std::map<std::string, std::string> owners_; ///< by digest of the key, so that the time a look-up takes tells nothing of keys
};

} // namespace tokamak::frontend
