// Model files by path, opened once and shared by the engines and pools that use them.
#pragma once

#include "base/error.hpp"
#include "model/gguf/gguf_file.hpp"

#include <map>
#include <memory>
#include <string>

namespace tokamak::engine {

/// Tells models apart without reading all of them: 32 hex digits over tensor names, types, shapes and the first and last
/// bytes of each tensor's data.
std::string fingerprint_of(const gguf_file& file);

/// One thread. The files stay mapped as long as anybody holds them.
class model_files {
public:
  /// `sha256`: 64 hex digits that the file (of several: one after the other) must have, or "".
  expected<std::shared_ptr<const gguf_file>> open(const std::string& path, const std::string& sha256);

  /// Takes what is mapped of all files out of memory, until it is read again.
  void release() const;

private:
  std::map<std::string, std::shared_ptr<const gguf_file>> files_;
};

} // namespace tokamak::engine
