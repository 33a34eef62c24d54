// Opening and pinning model files.
#include "engine/model_files.hpp"

#include <sodium.h>

namespace tokamak::engine {
namespace {

std::string sha256_hex(std::span<const std::byte> bytes) {
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(digest, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  std::string out;
  for (auto b : digest) out += fmt::format("{:02x}", b);
  return out;
}

} // namespace

expected<std::shared_ptr<const gguf_file>> model_files::open(const std::string& path, const std::string& sha256) {
  auto& known = files_[path];
  if (!known) {
    auto file = gguf_file::open(path);
    if (!file) return fail(file.error());
    known = std::make_shared<const gguf_file>(std::move(*file));
  }
  if (!sha256.empty())
    if (const auto found = sha256_hex(known->bytes()); found != sha256)
      return fail(errc::corrupt, fmt::format("SHA-256 is {}, expected {}", found, sha256), path);
  return known;
}

} // namespace tokamak::engine
