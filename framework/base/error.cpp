// Names of error codes and the one-line form of an error.
#include "base/error.hpp"

#include <array>

namespace tokamak {

std::string_view to_string(errc code) {
  static constexpr std::array<std::string_view, 16> names = {
      "ok",           "invalid_argument", "not_found",         "already_exists", "unsupported", "corrupt",
      "version_mismatch", "io",           "out_of_memory",     "overloaded",     "deadline_exceeded",
      "cancelled",    "unavailable",      "permission_denied", "too_large",      "internal"};
  const auto i = static_cast<std::size_t>(code);
  return i < names.size() ? names[i] : std::string_view{"unknown"};
}

std::string error::to_string() const {
  const auto body = fmt::format("{} ({})", message, tokamak::to_string(code));
  return where.empty() ? body : where + ": " + body;
}

} // namespace tokamak
