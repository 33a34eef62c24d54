// Opening and pinning model files.
#include "engine/model_files.hpp"

#include <fmt/ranges.h>
#include <sodium.h>

namespace tokamak::engine {
namespace {

std::string hex(std::span<const unsigned char> bytes) {
  std::string out;
  for (auto b : bytes) out += fmt::format("{:02x}", b);
  return out;
}

/// Of all files one after the other.
std::string sha256_hex(const gguf_file& file) {
  crypto_hash_sha256_state state;
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256_init(&state);
  for (const auto part : file.parts())
    crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(part.data()), part.size());
  crypto_hash_sha256_final(&state, digest);
  return hex(digest);
}

} // namespace

std::string fingerprint_of(const gguf_file& file) {
  crypto_generichash_state state;
  unsigned char digest[crypto_generichash_BYTES_MIN];
  crypto_generichash_init(&state, nullptr, 0, sizeof digest);
  const auto add = [&](std::span<const std::byte> bytes) {
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  };
  constexpr std::size_t sample = 64;
  for (const auto& t : file.tensors()) {
    const auto head = fmt::format("{} {} {};", t.name, static_cast<int>(t.type), fmt::join(t.dims, " "));
    add(std::as_bytes(std::span(head)));
    add(t.data.first(std::min(t.data.size(), sample)));
    add(t.data.last(std::min(t.data.size(), sample)));
  }
  crypto_generichash_final(&state, digest, sizeof digest);
  return hex(digest);
}

expected<std::shared_ptr<const gguf_file>> model_files::open(const std::string& path, const std::string& sha256) {
  auto& known = files_[path];
  if (!known) {
    auto file = gguf_file::open(path);
    if (!file) return fail(file.error());
    known = std::make_shared<const gguf_file>(std::move(*file));
  }
  if (!sha256.empty())
    if (const auto found = sha256_hex(*known); found != sha256)
      return fail(errc::corrupt, fmt::format("SHA-256 is {}, expected {}", found, sha256), path);
  return known;
}

void model_files::release() const {
  for (const auto& [path, file] : files_)
    if (file)
      for (const auto part : file->parts()) file->release(part);
}

} // namespace tokamak::engine
