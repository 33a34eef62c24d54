// Errors as values. Everything that can fail because of input, files, peers or resources returns
// expected<T>; assertions are for our own mistakes only.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace tokamak {

/// What kind of thing went wrong. The numbers are on the wire (schemas/) and in the plugin ABI
/// (tk_status): never renumber, only append.
enum class errc : std::uint8_t {
  ok = 0,                 ///< only in protocols that need a "no error" value
  invalid_argument = 1,   ///< the caller's input is wrong
  not_found = 2,          ///< a named thing (model, file, plugin, sequence) does not exist
  already_exists = 3,     ///< a name or id is taken
  unsupported = 4,        ///< well-formed, but this build, plugin or model cannot do it
  corrupt = 5,            ///< a file or frame breaks its format
  version_mismatch = 6,   ///< protocol, ABI or schema version
  io = 7,                 ///< the operating system refused a read, write, open or map
  out_of_memory = 8,      ///< a memory budget or block pool is exhausted
  overloaded = 9,         ///< a queue is full; try again later
  deadline_exceeded = 10, ///< the request's deadline passed
  cancelled = 11,         ///< the owner cancelled or its lease expired
  unavailable = 12,       ///< the peer, engine or node is gone or draining
  permission_denied = 13, ///< authentication, allow-list, file permissions
  too_large = 14,         ///< over a stated limit (context, frame size, request cost)
  internal = 15,          ///< a mistake of ours or of a plugin
};

/// The stable lower-case name of a code, e.g. "not_found". Any thread.
std::string_view to_string(errc code);

/// One error: its kind, a sentence saying what was found and what was expected, and where.
struct error {
  errc code = errc::internal;
  std::string message;
  std::string where; ///< "file.toml:3:7", "model.gguf, tensor 'x', offset 128", ... ; may be empty

  /// "where: message (code)" or "message (code)".
  std::string to_string() const;
  friend bool operator==(const error&, const error&) = default;
};

template <class T>
using expected = tl::expected<T, error>;

/// `return fail(errc::not_found, "no model named 'x'; known: a, b");`
inline tl::unexpected<error> fail(errc code, std::string message, std::string where = {}) {
  return tl::unexpected<error>(error{code, std::move(message), std::move(where)});
}
inline tl::unexpected<error> fail(error e) { return tl::unexpected<error>(std::move(e)); }

} // namespace tokamak
