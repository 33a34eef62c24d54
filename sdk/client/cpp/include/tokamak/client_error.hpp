// What can go wrong between a client and a Tokamak service, as values: nothing in this library throws.
// Codes have the numbers of the wire contract (schemas/sequence.fbs, ErrorCode).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace tokamak {

enum class client_errc : std::uint8_t {
  ok = 0,
  invalid_argument = 1,   ///< the request is wrong: an option, the prompt, the address
  not_found = 2,          ///< no such model or node
  already_exists = 3,     ///< the id is taken; the node drains already
  unsupported = 4,        ///< well-formed, but this service or model cannot do it
  corrupt = 5,            ///< bytes that are no Tokamak message, or an answer with tokens missing
  version_mismatch = 6,   ///< client and service speak different protocol versions
  io = 7,                 ///< the operating system refused something
  out_of_memory = 8,      ///< the service has no blocks left for the request
  overloaded = 9,         ///< a queue is full; try again later
  deadline_exceeded = 10, ///< the request's deadline or one of the client's time limits passed
  cancelled = 11,         ///< the client was closed, or nobody read the answer and the service cut it
  unavailable = 12,       ///< no connection, connection lost, service silent or draining
  permission_denied = 13, ///< not allowed
  too_large = 14,         ///< over a limit: context, frame size, cost
  internal = 15,          ///< a mistake of the service
};

/// The stable lower-case name of a code, e.g. "not_found"; "unknown" for other numbers. Any thread.
std::string_view to_string(client_errc code);

struct client_error {
  client_errc code = client_errc::internal;
  std::string message; ///< what was found and what was expected
  std::string where;   ///< the place the service names; may be empty

  /// "where: message (code)" or "message (code)".
  std::string to_string() const;
};

/// A value or an error. REQUIRES has_value() for `*` and `->`, and !has_value() for error().
template <class T>
class client_result {
public:
  client_result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  client_result(client_error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  const client_error& error() const { return *std::get_if<1>(&state_); }

private:
  std::variant<T, client_error> state_;
};

} // namespace tokamak
