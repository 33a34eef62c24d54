// A file mapped read-only into memory; the bytes under every gguf_file that came from disk.
#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <span>
#include <string>

namespace tokamak {

/// Owns one mapping. Move-only; the bytes stay at their address when the object moves. The file must
/// not be shortened while it is mapped: the kernel would answer a read past its end with SIGBUS.
class mapped_file {
public:
  /// Maps a whole regular file. Errors name the file: not_found, permission_denied, invalid_argument
  /// (a directory or device), corrupt (empty), io.
  static expected<mapped_file> open(const std::string& path);

  mapped_file() = default;
  mapped_file(mapped_file&& other) noexcept;
  mapped_file& operator=(mapped_file&& other) noexcept;
  ~mapped_file();

  std::span<const std::byte> bytes() const { return bytes_; }
  /// Takes the whole pages within `part`, as far as it is of this file, out of the process's memory. They come back,
  /// from the system's cache or the disk, when they are read again. Any thread.
  void release(std::span<const std::byte> part) const;

private:
  std::span<const std::byte> bytes_;
};

} // namespace tokamak
