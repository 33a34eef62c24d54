// The keys of a file, and whose a request is.
#include "frontend/http/api_keys.hpp"

#include <sodium.h>

#include <fstream>
#include <sstream>

namespace tokamak::frontend {
namespace {

constexpr std::size_t shortest_key = 16;

std::string digest(std::string_view key) {
  unsigned char hash[crypto_generichash_BYTES];
  crypto_generichash(hash, sizeof hash, reinterpret_cast<const unsigned char*>(key.data()), key.size(), nullptr, 0);
  return std::string(reinterpret_cast<const char*>(hash), sizeof hash);
}

} // namespace

expected<api_keys> api_keys::read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return fail(errc::io, "cannot read the file of API keys", path);
  return parse(text.str(), path);
}

expected<api_keys> api_keys::parse(std::string_view text, const std::string& name) {
  api_keys keys;
  std::istringstream lines{std::string(text)};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto where = fmt::format("{}:{}", name, ++number);
    std::istringstream words(line);
    std::string owner, key, more;
    if (!(words >> owner) || owner.front() == '#') continue;
    if (!(words >> key) || words >> more) return fail(errc::invalid_argument, "expected NAME KEY on each line", where);
    if (key.size() < shortest_key)
      return fail(errc::invalid_argument, fmt::format("the key of '{}' has {} characters, expected at least {}", owner, key.size(), shortest_key), where);
    const auto [known, added] = keys.owners_.emplace(digest(key), owner);
    if (!added) return fail(errc::invalid_argument, fmt::format("the key of '{}' is also that of '{}'", owner, known->second), where);
  }
  if (keys.owners_.empty()) return fail(errc::invalid_argument, "no keys; expected NAME KEY on each line", name);
  return keys;
}

std::optional<std::string> api_keys::owner(std::string_view authorization) const {
  constexpr std::string_view scheme = "Bearer ";
  if (authorization.size() <= scheme.size()) return std::nullopt;
  for (std::size_t i = 0; i < scheme.size(); ++i) // scheme names have no case
    if ((authorization[i] | 0x20) != (scheme[i] | 0x20)) return std::nullopt;
  authorization.remove_prefix(scheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  const auto found = owners_.find(digest(authorization));
  return found == owners_.end() ? std::nullopt : std::optional(found->second);
}

} // namespace tokamak::frontend
