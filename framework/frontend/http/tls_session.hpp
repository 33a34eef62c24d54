// TLS of one connection, without its socket: bytes go in and come out. On the way of a connection's bytes between socket and parser.
#pragma once

#include "frontend/http/tls_certificate.hpp"

#include <boost/beast/core/flat_buffer.hpp>

#include <string>
#include <string_view>

struct ssl_st; // OpenSSL's SSL

namespace tokamak::frontend {

/// Single-threaded. What it has to say to the other side, of a handshake for instance, gathers in `wire` by itself.
class tls_session {
public:
  explicit tls_session(const tls_certificate& certificate);
  ~tls_session();
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;

  enum class state : std::uint8_t { good, ended /* orderly, by the other side */, broken /* `wire` says why */ };

  /// Takes what came, all of it; what it says is appended to `plain`.
  state receive(std::string_view bytes, boost::beast::flat_buffer& plain);
  /// Appends to `wire`. REQUIRES: established. False: the session is broken.
  bool send(std::string_view plain);
  /// Nothing more will be sent; the other side can tell this end from a cut. Once, and only if established.
  void end();

  bool established() const;
  bool fresh() const { return fresh_; } ///< nothing was received yet

  std::string wire; ///< to be sent

private:
  ssl_st* ssl_;
  std::string_view unread_; ///< during receive()
  bool fresh_ = true, broken_ = false;

  friend struct tls_stream;
};

} // namespace tokamak::frontend
