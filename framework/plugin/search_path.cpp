// The search path: the caller's folders, the environment's, the installation's.
#include "plugin/search_path.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <system_error>

#include "base/log.hpp"

namespace tokamak::plugin {
namespace {

namespace fs = std::filesystem;

struct collector {
  std::vector<fs::path> files;
  std::set<std::string> names;   // of files, to find shadowed ones
  std::set<fs::path> seen;       // canonical files: the same folder named twice is no shadowing
  std::vector<error>& problems;

  void add_file(const fs::path& file) {
    std::error_code code;
    const auto real = fs::weakly_canonical(file, code);
    if (!seen.insert(real).second) return;
    if (!names.insert(file.filename().string()).second) {
      log::info("plugins", "plugin.shadowed", {{"file", file.string()}});
      return;
    }
    files.push_back(file);
  }

  void add_folder(const fs::path& folder) {
    std::error_code code;
    std::vector<fs::path> found;
    for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code))
      if (it->path().extension() == ".so") found.push_back(it->path());
    if (code) {
      problems.push_back({errc::io, "plugin folder cannot be read: " + code.message(), folder.string()});
      return;
    }
    std::sort(found.begin(), found.end()); // the order of a directory is accidental
    for (const auto& file : found) add_file(file);
  }

  void add(const fs::path& path) {
    std::error_code code;
    const auto type = fs::status(path, code).type();
    if (type == fs::file_type::directory) add_folder(path);
    else if (type == fs::file_type::not_found)
      problems.push_back({errc::not_found, "no such plugin folder or file", path.string()});
    else add_file(path);
  }
};

std::vector<fs::path> environment_folders() {
  std::vector<fs::path> folders;
  const char* value = std::getenv("TOKAMAK_PLUGIN_PATH");
  std::string_view rest = value ? value : "";
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    if (const auto part = rest.substr(0, colon); !part.empty()) folders.emplace_back(part);
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  }
  return folders;
}

} // namespace

std::vector<fs::path> plugin_files(std::span<const fs::path> paths, std::vector<error>& problems) {
  collector c{{}, {}, {}, problems};
  for (const auto& p : paths) c.add(p);
  for (const auto& p : environment_folders()) c.add(p);
  std::error_code code;
  const auto executable = fs::read_symlink("/proc/self/exe", code);
  if (!code) {
    const auto installed = executable.parent_path().parent_path() / "lib" / "tokamak" / "plugins";
    if (fs::is_directory(installed, code)) c.add_folder(installed);
  }
  return std::move(c.files);
}

} // namespace tokamak::plugin
