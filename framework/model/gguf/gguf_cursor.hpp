// Reads GGUF's primitive values from untrusted bytes, front to back; private to gguf/.
#pragma once

#include "base/error.hpp"
#include "model/gguf/gguf_value.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace tokamak {

/// Text from a file, fit for a message: at most 64 bytes of it, in quotes, what is not printable ASCII
/// as \xNN.
std::string quoted(std::string_view text, char quote = '\'');

/// A position in the file. No read passes the end: it fails, saying which field of what was cut.
class gguf_cursor {
public:
  gguf_cursor(std::span<const std::byte> bytes, std::string_view file_name)
      : bytes_(bytes), file_name_(file_name) {}

  std::size_t offset() const { return offset_; }
  std::size_t left() const { return bytes_.size() - offset_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  /// What is being read, for messages: "metadata key 'x'", "tensor 'y'". REQUIRES: outlives its use.
  void set_subject(std::string_view kind, std::string_view name) {
    subject_kind_ = kind;
    subject_name_ = name;
  }

  template <class T>
  expected<T> read(std::string_view field) {
    if (left() < sizeof(T))
      return fail(truncated(field, sizeof(T)));
    T value;
    std::memcpy(&value, bytes_.data() + offset_, sizeof(T)); // GGUF is little-endian, as our machines are
    offset_ += sizeof(T);
    return value;
  }

  /// A string: 64-bit length, then bytes. Points into the file.
  expected<std::string_view> read_string(std::string_view field, std::uint64_t max_bytes);

  /// Passes one value of `type` (not of an array's elements) and returns the view of it.
  expected<gguf_value> read_value(gguf_type type);

  /// An error at `offset` (default: here) about the current subject.
  error corrupt(std::string message, std::size_t offset) const {
    return at(errc::corrupt, std::move(message), offset);
  }
  error at(errc code, std::string message, std::size_t offset) const;

private:
  expected<gguf_value> read_array(unsigned depth);
  expected<void> skip_elements(gguf_type type, std::uint64_t count, unsigned depth);
  error truncated(std::string_view field, std::uint64_t wanted) const;

  std::span<const std::byte> bytes_;
  std::string_view file_name_;
  std::string_view subject_kind_;
  std::string_view subject_name_;
  std::size_t offset_ = 0;
};

} // namespace tokamak
