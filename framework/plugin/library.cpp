// dlopen with the checks that turn every way of failing into a sentence.
#include "plugin/library.hpp"

#include <dlfcn.h>
#include <sodium.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include "plugin/descriptor_check.hpp"

namespace tokamak::plugin {
namespace {

struct file_closer {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using file_handle = std::unique_ptr<std::FILE, file_closer>;

expected<file_handle> open_file(const std::filesystem::path& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (status.type() == std::filesystem::file_type::not_found)
    return fail(errc::not_found, "no such file", path.string());
  if (status.type() == std::filesystem::file_type::directory)
    return fail(errc::invalid_argument, "is a folder, not a plugin file", path.string());
  file_handle f(std::fopen(path.c_str(), "rb"));
  if (!f) {
    const int number = errno;
    return fail(number == EACCES ? errc::permission_denied : errc::io,
                fmt::format("cannot be opened: {}", std::generic_category().message(number)), path.string());
  }
  return f;
}

/// ELF's magic number tells a shared object from a text file with a better sentence than the loader's.
expected<void> check_magic(const std::filesystem::path& path) {
  auto f = open_file(path);
  if (!f) return fail(std::move(f.error()));
  std::array<char, 4> magic{};
  if (std::fread(magic.data(), 1, magic.size(), f->get()) != magic.size() || std::memcmp(magic.data(),
                                                                                         "\x7f"
                                                                                         "ELF",
                                                                                         4) != 0)
    return fail(errc::corrupt, "not a shared object", path.string());
  return {};
}

std::string last_dl_error() {
  const char* text = dlerror();
  return text ? text : "unknown error of the dynamic loader";
}

/// dlerror() begins with the path, which `where` has already.
std::string without_path(std::string text, const std::filesystem::path& path) {
  const std::string prefix = path.string() + ": ";
  if (text.starts_with(prefix)) text.erase(0, prefix.size());
  return text;
}

} // namespace

expected<std::string> sha256_of(const std::filesystem::path& path) {
  auto f = open_file(path);
  if (!f) return fail(std::move(f.error()));
  if (sodium_init() < 0) return fail(errc::internal, "libsodium cannot be initialised");
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  std::array<unsigned char, 1 << 16> chunk;
  std::size_t n = 0;
  while ((n = std::fread(chunk.data(), 1, chunk.size(), f->get())) > 0)
    crypto_hash_sha256_update(&state, chunk.data(), n);
  if (std::ferror(f->get())) return fail(errc::io, "cannot be read", path.string());
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256_final(&state, digest.data());
  std::string hex(2 * digest.size() + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
  hex.pop_back();
  return hex;
}

expected<std::shared_ptr<const library>> library::open(const std::filesystem::path& given, std::string_view sha256) {
  // A bare name would make dlopen search the system's folders.
  std::error_code code;
  const auto path = std::filesystem::absolute(given, code).lexically_normal();
  if (!sha256.empty()) {
    auto found = sha256_of(path);
    if (!found) return fail(std::move(found.error()));
    if (*found != sha256)
      return fail(errc::permission_denied, fmt::format("SHA-256 {} pinned and {} found", sha256, *found),
                  path.string());
  }
  if (auto ok = check_magic(path); !ok) return fail(std::move(ok.error()));
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return fail(errc::unsupported, without_path(last_dl_error(), path), path.string());
  std::shared_ptr<library> made(new library(path, handle)); // closes the handle on every way out
  void* symbol = dlsym(handle, "tokamak_plugin");
  if (!symbol) return fail(errc::unsupported, "missing symbol tokamak_plugin: not a Tokamak plugin", path.string());
  const auto entry = reinterpret_cast<tk_plugin_entry>(symbol);
  const tk_plugin* descriptor = entry(TK_ABI_MAJOR, TK_ABI_MINOR);
  if (auto ok = check_head(descriptor, path.string()); !ok) return fail(std::move(ok.error()));
  if (auto ok = check_descriptor(*descriptor, path.string()); !ok) return fail(std::move(ok.error()));
  made->entry_ = entry;
  made->descriptor_ = descriptor;
  return std::shared_ptr<const library>(std::move(made));
}

library::~library() { dlclose(handle_); }

const tk_extension& library::extension(std::size_t index) const { return descriptor_->extensions[index]; }

} // namespace tokamak::plugin
