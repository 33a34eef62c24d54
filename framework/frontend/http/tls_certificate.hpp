// Who an HTTPS frontend is: a chain of certificates and the key of the first, from PEM files that may be renewed while it runs.
#pragma once

#include "base/error.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st; // OpenSSL's SSL_CTX

namespace tokamak::frontend {

/// One thread at a time.
class tls_certificate {
public:
  /// Errors name the file in `where`: io (it cannot be read), corrupt (no PEM of what is expected, or a broken one), unsupported (a key with a
  /// passphrase, or one too weak), invalid_argument (the key of another certificate).
  static expected<tls_certificate> read(std::string chain_file, std::string key_file);

  /// Reads the files again if they changed. True: they did, and new sessions have the new certificate. An error comes once a change, and the old
  /// certificate stays.
  expected<bool> renew();

  /// What is strange about the files and is no error: expired, not valid yet, a key that others may read; `where` names the file.
  const std::vector<error>& warnings() const { return warnings_; }
  const std::string& expires() const { return expires_; } ///< "Nov 28 21:00:00 2027 GMT"
  ssl_ctx_st* context() const { return context_.get(); }  ///< that sessions are made of, and keep

private:
  using stamp = std::array<std::int64_t, 8>; ///< what changes with the files
  stamp stamp_now() const;
  expected<void> load();

  std::string chain_file_, key_file_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::vector<error> warnings_;
  std::string expires_;
  stamp stamp_{};
};

} // namespace tokamak::frontend
