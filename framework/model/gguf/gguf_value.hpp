// One metadata value of a GGUF file: a typed view of bytes inside the file, checked when the file was
// opened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tokamak {

/// Values are the ids stored in GGUF files.
enum class gguf_type : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

/// "u32", "string", "array", ...; "unknown" outside the enumeration.
std::string_view to_string(gguf_type type);

/// Bytes of one scalar; 0 for strings, arrays and unknown ids.
std::size_t scalar_bytes(gguf_type type);

/// A copyable view; valid as long as the bytes of the file it came from.
class gguf_value {
public:
  gguf_value() = default;
  /// REQUIRES: `payload` holds exactly one well-formed value of `type` (for arrays the bytes after the
  /// element type and count). Only the parser and tests make values.
  gguf_value(gguf_type type, gguf_type element_type, std::uint64_t count, std::span<const std::byte> payload)
      : type_(type), element_type_(element_type), count_(count), payload_(payload) {}

  gguf_type type() const { return type_; }
  bool is_array() const { return type_ == gguf_type::array; }
  /// The type of an array's elements; type() of a scalar.
  gguf_type element_type() const { return element_type_; }
  /// Elements of an array; 1 for a scalar.
  std::uint64_t count() const { return count_; }
  /// The bytes in the file, little-endian and possibly unaligned.
  std::span<const std::byte> payload() const { return payload_; }

  /// What it is, for messages: "u32 7", "string \"llama\"", "array of 3 string".
  std::string describe() const;

  /// The value as T, or nothing when it is another kind of value or out of T's range. T is one of
  /// bool, std::uint32_t, std::int32_t, std::uint64_t, std::int64_t, float, double, std::string_view,
  /// or std::vector of std::string_view, float, std::int32_t, std::uint32_t. Integers convert between
  /// widths and signs when the value fits, floating point between float and double, nothing else.
  /// Strings point into the file.
  template <class T>
  std::optional<T> as() const;

private:
  gguf_type type_ = gguf_type::u8;
  gguf_type element_type_ = gguf_type::u8;
  std::uint64_t count_ = 0;
  std::span<const std::byte> payload_;
};

/// The name of T in messages: "u32", "string", "array of string", ...
template <class T>
std::string_view gguf_type_name();

} // namespace tokamak
