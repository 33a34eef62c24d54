// Writes small GGUF files for tests: metadata of every type and tensors, well-formed unless told
// otherwise. Usable by any test that needs a made-up model.
#pragma once

#include "model/gguf/gguf_value.hpp"
#include "model/tensor_type.hpp"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace tokamak::test {

class gguf_writer {
public:
  std::uint32_t version = 3;
  std::uint32_t alignment = 32; ///< written as general.alignment when it is not 32

  /// A scalar of any GGUF integer or floating-point type, a bool, or a string.
  template <class T>
  gguf_writer& add(std::string_view key, const T& value) {
    begin_entry(key, type_of<T>());
    put_value(metadata_, value);
    return *this;
  }
  gguf_writer& add(std::string_view key, const char* value) { return add(key, std::string_view(value)); }

  /// An array of such values.
  template <class T>
  gguf_writer& add_array(std::string_view key, const std::vector<T>& values) {
    begin_entry(key, gguf_type::array);
    put(metadata_, static_cast<std::uint32_t>(type_of<T>()));
    put(metadata_, static_cast<std::uint64_t>(values.size()));
    for (const T& value : values)
      put_value(metadata_, value);
    return *this;
  }

  /// An entry whose bytes after the type are given as they are.
  gguf_writer& add_raw(std::string_view key, std::uint32_t type, std::string_view payload) {
    begin_entry(key, static_cast<gguf_type>(type));
    metadata_ += payload;
    return *this;
  }

  /// `data` is the tensor's bytes; dims contiguous first.
  gguf_writer& add_tensor(std::string_view name, std::vector<std::uint64_t> dims, tensor_type type, std::string data) {
    data_.resize((data_.size() + alignment - 1) / alignment * alignment, '\0');
    add_tensor_at(name, std::move(dims), static_cast<std::uint32_t>(type), data_.size());
    data_ += data;
    return *this;
  }
  gguf_writer& add_tensor(std::string_view name, std::vector<std::uint64_t> dims, const std::vector<float>& values) {
    return add_tensor(name, std::move(dims), tensor_type::f32,
                      std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
  }

  /// Only a description, whatever it says of the data.
  gguf_writer& add_tensor_at(std::string_view name, std::vector<std::uint64_t> dims, std::uint32_t type, std::uint64_t offset) {
    put_value(tensors_, name);
    put(tensors_, static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims)
      put(tensors_, dim);
    put(tensors_, type);
    put(tensors_, offset);
    ++tensor_count_;
    return *this;
  }

  /// The whole file.
  std::string bytes() const {
    std::string extra;
    if (alignment != 32) {
      put_value(extra, std::string_view("general.alignment"));
      put(extra, static_cast<std::uint32_t>(gguf_type::u32));
      put(extra, alignment);
    }
    std::string out = "GGUF";
    put(out, version);
    put(out, tensor_count_);
    put(out, entry_count_ + (extra.empty() ? 0 : 1));
    out += metadata_ + extra + tensors_;
    if (tensor_count_ != 0)
      out.resize((out.size() + alignment - 1) / alignment * alignment, '\0');
    return out + data_;
  }

  void write(const std::string& path) const {
    const std::string all = bytes();
    std::ofstream(path, std::ios::binary).write(all.data(), static_cast<std::streamsize>(all.size()));
  }

private:
  template <class T>
  static constexpr gguf_type type_of() {
    if constexpr (std::is_same_v<T, bool>) return gguf_type::boolean;
    else if constexpr (std::is_convertible_v<T, std::string_view>) return gguf_type::string;
    else if constexpr (std::is_same_v<T, std::uint8_t>) return gguf_type::u8;
    else if constexpr (std::is_same_v<T, std::int8_t>) return gguf_type::i8;
    else if constexpr (std::is_same_v<T, std::uint16_t>) return gguf_type::u16;
    else if constexpr (std::is_same_v<T, std::int16_t>) return gguf_type::i16;
    else if constexpr (std::is_same_v<T, std::uint32_t>) return gguf_type::u32;
    else if constexpr (std::is_same_v<T, std::int32_t>) return gguf_type::i32;
    else if constexpr (std::is_same_v<T, std::uint64_t>) return gguf_type::u64;
    else if constexpr (std::is_same_v<T, std::int64_t>) return gguf_type::i64;
    else if constexpr (std::is_same_v<T, float>) return gguf_type::f32;
    else {
      static_assert(std::is_same_v<T, double>);
      return gguf_type::f64;
    }
  }

  template <class T>
  static void put(std::string& out, T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    out.append(raw, sizeof value);
  }

  template <class T>
  static void put_value(std::string& out, const T& value) {
    if constexpr (std::is_convertible_v<T, std::string_view>) {
      const std::string_view text(value);
      put(out, static_cast<std::uint64_t>(text.size()));
      out += text;
    } else if constexpr (std::is_same_v<T, bool>) {
      put(out, static_cast<std::uint8_t>(value));
    } else {
      put(out, value);
    }
  }

  void begin_entry(std::string_view key, gguf_type type) {
    put_value(metadata_, key);
    put(metadata_, static_cast<std::uint32_t>(type));
    ++entry_count_;
  }

  std::string metadata_, tensors_, data_;
  std::uint64_t entry_count_ = 0;
  std::uint64_t tensor_count_ = 0;
};

/// The bytes of a string as gguf_file::parse takes them.
inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

} // namespace tokamak::test
