// Reading a test backend's options.
#pragma once

#include "null_backend/failure.hpp"

#include <cstdint>

namespace tokamak::test {

/// An integer of at least 0, or `fallback` where absent.
inline std::uint64_t unsigned_option(const tk_host* host, const tk_options* options, std::string_view key,
                                     std::uint64_t fallback) {
  tk_option_value value{};
  value.size = sizeof value;
  if (host == nullptr || options == nullptr || host->option_find(options, {key.data(), key.size()}, &value) != TK_OK)
    return fallback;
  if (value.type != TK_INTEGER || value.integer < 0)
    refuse("option '{}' must be an integer of at least 0", key);
  return static_cast<std::uint64_t>(value.integer);
}

} // namespace tokamak::test
