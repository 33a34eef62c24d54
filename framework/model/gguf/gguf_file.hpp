// Reads GGUF version 2 and 3, the file format of models: metadata and tensors, without copying either.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Every length, count and offset is
// checked before use, so any bytes may be given; what cannot be true of a model file is an error.
#pragma once

#include "base/error.hpp"
#include "model/gguf/gguf_value.hpp"
#include "model/gguf/mapped_file.hpp"
#include "model/tensor_type.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tokamak {

struct gguf_entry {
  std::string_view key;
  gguf_value value;
};

struct gguf_tensor {
  std::string_view name;
  /// Elements a dimension, contiguous dimension first: a matrix of R rows and C columns is {C, R, 1, 1}.
  std::array<std::uint64_t, 4> dims;
  std::uint32_t dim_count; ///< 1 to 4; dims beyond it are 1
  tensor_type type;
  std::span<const std::byte> data; ///< inside the file, its offset there aligned to general.alignment

  /// The dimensions that count, e.g. for a loop or a message.
  std::span<const std::uint64_t> shape() const { return {dims.data(), dim_count}; }
};

/// An opened file. Move-only; every view it hands out lives as long as it (a move keeps them valid).
/// Const functions may be called from any thread.
class gguf_file {
public:
  /// Maps and parses. A model in several files is opened by its first, NAME-00001-of-00003.gguf: the tensors of the
  /// others, beside it, are added. Errors: those of mapped_file::open; corrupt, unsupported (version 1, big-endian,
  /// unknown tensor type) with the file and byte offset in `where`; invalid_argument (not the first of several).
  static expected<gguf_file> open(const std::string& path);

  /// Parses bytes that the caller keeps alive and unchanged; `name` stands for the path in errors. Errors: as open();
  /// unsupported (one of several files).
  static expected<gguf_file> parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }
  std::uint32_t version() const { return version_; }
  std::uint32_t alignment() const { return alignment_; }
  /// The whole of each file, one unless the model is split.
  std::span<const std::span<const std::byte>> parts() const { return parts_; }

  /// Takes bytes of tensors out of the process's memory until they are read again (mapped_file::release). Nothing where the
  /// caller owns the bytes.
  void release(std::span<const std::byte> bytes) const {
    for (const auto& mapping : mappings_) mapping.release(bytes);
  }

  /// In file order; of several files the first one's.
  std::span<const gguf_entry> metadata() const { return metadata_; }
  std::span<const gguf_tensor> tensors() const { return tensors_; }

  /// The value of a key, or null.
  const gguf_value* find(std::string_view key) const;
  /// A tensor by name, or null.
  const gguf_tensor* find_tensor(std::string_view name) const;

  /// A required value. Errors: not_found "no metadata key 'k'"; corrupt "metadata key 'k' is string
  /// \"x\", expected u32". T as in gguf_value::as.
  template <class T>
  expected<T> get(std::string_view key) const {
    const gguf_value* value = find(key);
    if (value == nullptr)
      return fail(missing(key));
    return convert<T>(key, *value);
  }

  /// A value that may be absent: `fallback` then. Present with another type is still an error.
  template <class T>
  expected<T> get_or(std::string_view key, T fallback) const {
    const gguf_value* value = find(key);
    if (value == nullptr)
      return fallback;
    return convert<T>(key, *value);
  }

  /// A required tensor: not_found "no tensor 'x'".
  expected<const gguf_tensor*> get_tensor(std::string_view name) const;

private:
  template <class T>
  expected<T> convert(std::string_view key, const gguf_value& value) const {
    if (auto converted = value.as<T>())
      return std::move(*converted);
    return fail(mismatch(key, value, gguf_type_name<T>()));
  }
  error missing(std::string_view key) const;
  error mismatch(std::string_view key, const gguf_value& value, std::string_view wanted) const;
  static expected<gguf_file> parse_one(std::span<const std::byte> bytes, std::string name);
  static expected<gguf_file> map_one(const std::string& path);
  // split_files.cpp
  expected<void> add_parts();
  expected<void> add_part(gguf_file part, std::uint32_t number, std::uint32_t count);
  void sort_tensors();

  std::vector<mapped_file> mappings_; // none when the caller owns the bytes
  std::vector<std::span<const std::byte>> parts_;
  std::string name_;
  std::uint32_t version_ = 0;
  std::uint32_t alignment_ = 0;
  std::vector<gguf_entry> metadata_;
  std::vector<gguf_tensor> tensors_;
  std::vector<std::uint32_t> metadata_by_key_; // indices, sorted by key
  std::vector<std::uint32_t> tensors_by_name_; // indices, sorted by name
};

} // namespace tokamak
