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

/// A model where deploy/fetch_model.sh puts it; may not exist.
inline std::string fetched_model(const std::string& file) {
  const char* home = std::getenv("HOME");
  return std::string(home ? home : "") + "/.cache/tokamak/models/" + file;
}
inline std::string smollm2_path() { return fetched_model("SmolLM2-135M-Instruct.Q4_1.gguf"); }
inline std::string gemma3_path() { return fetched_model("gemma-3-270m-q4_k_m.gguf"); }

inline bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

inline std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace tokamak::test
