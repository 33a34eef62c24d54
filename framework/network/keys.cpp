// Key files.
#include "network/keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace tokamak::network {
namespace {

constexpr std::string_view secret_word = "tokamak-secret-key", public_word = "tokamak-public-key";
constexpr std::size_t key_length = 40, key_bytes = 32;

error cannot(std::string_view what, const std::string& path) {
  const auto code = errno == ENOENT ? errc::not_found : errno == EACCES ? errc::permission_denied
                  : errno == EEXIST ? errc::already_exists : errc::io;
  return {code, fmt::format("cannot {} key file '{}': {}", what, path, std::strerror(errno)), {}};
}

expected<void> write_file(const std::string& path, std::string_view word, std::string_view key, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return fail(cannot("write", path));
  const auto text = fmt::format("{} {}\n", word, key);
  const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  auto why = cannot("write", path);
  ::close(fd);
  return whole ? expected<void>{} : fail(std::move(why));
}

expected<std::string> read_file(const std::string& path, std::string_view word) {
  errno = 0;
  std::ifstream in(path);
  std::string line;
  if (!in) return fail(cannot("open", path));
  std::getline(in, line);
  unsigned char bytes[key_bytes];
  const auto wanted = word.size() + 1 + key_length;
  if (line.size() != wanted || !line.starts_with(word) || line[word.size()] != ' ' ||
      zmq_z85_decode(bytes, line.c_str() + word.size() + 1) == nullptr) {
    const auto other = word == secret_word ? public_word : secret_word;
    return fail(errc::corrupt, fmt::format("key file '{}' holds {}; expected a line \"{} KEY\", as `tokamak keygen` writes it", path,
                                           line.starts_with(other) ? fmt::format("a {}", other) : "something else", word));
  }
  return line.substr(word.size() + 1);
}

} // namespace

expected<void> write_new_keys(const std::string& stem) {
  char public_key[key_length + 1], secret_key[key_length + 1];
  if (zmq_curve_keypair(public_key, secret_key) != 0)
    return fail(errc::unsupported, "this libzmq cannot encrypt (it was built without CURVE)");
  for (const auto* ending : {".key", ".pub"})
    if (std::filesystem::exists(stem + ending))
      return fail(errc::already_exists, fmt::format("'{}{}' exists already; nothing was written", stem, ending));
  if (const auto folder = std::filesystem::path(stem).parent_path(); !folder.empty()) {
    std::error_code code;
    std::filesystem::create_directories(folder, code); // what failed is told by the file
  }
  if (auto ok = write_file(stem + ".key", secret_word, secret_key, 0600); !ok) return ok;
  return write_file(stem + ".pub", public_word, public_key, 0644);
}

expected<key_pair> read_secret_key(const std::string& path) {
  auto secret = read_file(path, secret_word);
  if (!secret) return fail(secret.error());
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return fail(cannot("open", path));
  if ((about.st_mode & 077) != 0)
    return fail(errc::permission_denied, fmt::format("key file '{}' has mode {:04o}: others may read the secret; expected 0600", path,
                                                     about.st_mode & 07777));
  char public_key[key_length + 1];
  if (zmq_curve_public(public_key, secret->c_str()) != 0)
    return fail(errc::unsupported, "this libzmq cannot encrypt (it was built without CURVE)");
  return key_pair{public_key, std::move(*secret)};
}

expected<std::string> read_public_key(const std::string& path) { return read_file(path, public_word); }

expected<std::map<std::string, std::string>> read_public_keys(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const auto& path : paths) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) {
      files.emplace_back(path);
      continue;
    }
    const auto before = files.size();
    for (const auto& entry : std::filesystem::directory_iterator(path, ignored))
      if (entry.path().extension() == ".pub") files.push_back(entry.path());
    if (files.size() == before) return fail(errc::invalid_argument, fmt::format("the folder '{}' holds no *.pub", path));
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  std::map<std::string, std::string> owners;
  for (const auto& file : files) {
    auto key = read_public_key(file.string());
    if (!key) return fail(key.error());
    const auto [other, fresh] = owners.emplace(std::move(*key), file.stem().string());
    if (!fresh)
      return fail(errc::invalid_argument, fmt::format("'{}' holds the key of '{}' too; expected one owner a key", file.string(), other->second));
  }
  return owners;
}

} // namespace tokamak::network
