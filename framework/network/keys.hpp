// Key files for encrypted and authenticated ZeroMQ connections (CURVE, RFC 26). NAME.key holds a secret key and stays where
// it was made; NAME.pub holds its public key and goes to those who talk to its owner. One line each:
// "tokamak-secret-key KEY" or "tokamak-public-key KEY", KEY in Z85 (40 characters).
#pragma once

#include "base/error.hpp"

#include <map>
#include <string>
#include <vector>

namespace tokamak::network {

struct key_pair {
  std::string public_key, secret_key; ///< Z85
};

/// Makes a pair and writes STEM.key (mode 0600) and STEM.pub. Errors: already_exists (nothing is overwritten), io.
expected<void> write_new_keys(const std::string& stem);

/// Reads a secret key. Errors: not_found, io, corrupt (no such line), permission_denied (others may read the file).
expected<key_pair> read_secret_key(const std::string& path);

/// Reads a public key. Errors: not_found, io, corrupt.
expected<std::string> read_public_key(const std::string& path);

/// Public keys of files and of all *.pub in folders, each with its owner: the file's name without ".pub". Errors: as
/// read_public_key; invalid_argument (two owners of one key, a folder without keys).
expected<std::map<std::string, std::string>> read_public_keys(const std::vector<std::string>& paths);

} // namespace tokamak::network
