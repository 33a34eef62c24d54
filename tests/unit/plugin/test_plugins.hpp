// Where the test plugins lie, and a folder for a test's own files.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace tokamak::plugin {

inline std::filesystem::path test_plugin(const std::string& name) {
  const char* folder = std::getenv("TOKAMAK_TEST_PLUGINS"); // set by ctest
  return std::filesystem::path(folder ? folder : "tests/plugins") / (name + ".so");
}

/// An empty folder, removed with everything in it at the end.
class scratch_folder {
 public:
  scratch_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tokamak_plugin_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  /// Copies a test plugin here under `name`.
  std::filesystem::path add(const std::string& plugin, const std::string& name) const {
    std::filesystem::copy_file(test_plugin(plugin), path_ / name);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

/// Sets an environment variable while it lives.
class scoped_environment {
 public:
  scoped_environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) {
      had_ = true;
      old_ = old;
    }
    setenv(name, value.c_str(), 1);
  }
  ~scoped_environment() {
    if (had_) setenv(name_, old_.c_str(), 1);
    else unsetenv(name_);
  }
  scoped_environment(const scoped_environment&) = delete;
  scoped_environment& operator=(const scoped_environment&) = delete;

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

} // namespace tokamak::plugin
