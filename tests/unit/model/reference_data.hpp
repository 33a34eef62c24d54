// Where the reference data and the downloaded model lie; tests that need them say so when they are absent.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace tokamak::test {

/// A file below $TOKAMAK_SHARED; may not exist.
inline std::string shared_path(const std::string& below) {
  const char* root = std::getenv("TOKAMAK_SHARED");
  return std::string(root ? root : "../shared") + "/" + below;
}

/// The quickstart's model, where deploy/quickstart.sh puts it; may not exist.
inline std::string smollm2_path() {
  const char* home = std::getenv("HOME");
  return std::string(home ? home : "") + "/.cache/tokamak/models/SmolLM2-135M-Instruct.Q4_1.gguf";
}

inline bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

inline std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace tokamak::test
