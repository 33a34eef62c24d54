// A file with a text in it, as long as a test needs it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace tokamak::test {

class temporary_text {
public:
  explicit temporary_text(const std::string& text) : path_((std::filesystem::temp_directory_path() / "tokamak_text_XXXXXX").string()) {
    close(mkstemp(path_.data()));
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~temporary_text() { std::filesystem::remove(path_); }
  temporary_text(const temporary_text&) = delete;
  temporary_text& operator=(const temporary_text&) = delete;

  const std::string& path() const { return path_; }

private:
  std::string path_;
};

} // namespace tokamak::test
