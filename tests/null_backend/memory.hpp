// Buffers of the test backends. With a mask, bytes lie XOR-ed in memory, as if on a device: whoever reads
// them past the backend sees numbers that are plainly wrong.
#pragma once

#include "null_backend/failure.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace tokamak::test {

class memory {
public:
  memory(std::uint64_t bytes, std::uint8_t mask) : data_(new std::byte[bytes]()), bytes_(bytes), mask_(mask) {
    std::memset(data_.get(), mask, bytes);
  }

  std::uint64_t bytes() const { return bytes_; }
  /// Null if it is masked.
  void* host_pointer() { return mask_ == 0 ? data_.get() : nullptr; }

  void read(std::uint64_t offset, void* to, std::uint64_t n) const {
    check(offset, n);
    for (std::uint64_t i = 0; i < n; ++i)
      static_cast<std::byte*>(to)[i] = data_[offset + i] ^ std::byte{mask_};
  }
  void write(std::uint64_t offset, const void* from, std::uint64_t n) {
    check(offset, n);
    for (std::uint64_t i = 0; i < n; ++i)
      data_[offset + i] = static_cast<const std::byte*>(from)[i] ^ std::byte{mask_};
  }
  /// Refuses a range that is not inside.
  void check(std::uint64_t offset, std::uint64_t n) const {
    if (offset > bytes_ || n > bytes_ - offset)
      refuse("{} bytes at {} of a buffer of {} bytes", n, offset, bytes_);
  }

private:
  std::unique_ptr<std::byte[]> data_;
  std::uint64_t bytes_;
  std::uint8_t mask_;
};

} // namespace tokamak::test
