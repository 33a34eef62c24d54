// Frames: what actors send each other. A frame is one finished FlatBuffer, immutable and shared, plus bulk
// attachments that are never copied into it. See framework/CONTRACTS.md.
#pragma once

#include "base/error.hpp"
#include "message/frame_type.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace tokamak {

/// Immutable shared bytes, 64-byte aligned when made by make_attachment, else as `alignment` says.
class attachment {
public:
  static constexpr std::size_t alignment = 8; ///< where libzmq puts a large part, which so needs no copy
  attachment() = default;
  attachment(std::shared_ptr<const std::byte[]> data, std::size_t size) : data_(std::move(data)), size_(size) {}
  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data_.get()), size_ / sizeof(T)};
  }

private:
  std::shared_ptr<const std::byte[]> data_;
  std::size_t size_ = 0;
};

/// Writable bytes that become an attachment once filled: `auto [p, a] = make_attachment(n)`, fill p, send a.
std::pair<std::byte*, attachment> make_attachment(std::size_t size);
attachment copy_attachment(std::span<const std::byte> bytes);

namespace detail {

struct frame_storage {
  const std::byte* data = nullptr; // aligned to 8, as the schemas need
  std::size_t size = 0;
  std::vector<attachment> attachments;
  std::unique_ptr<std::byte[]> own; // null: data is within what holds the storage
};

using shared_storage = std::shared_ptr<const frame_storage>;

shared_storage store(const std::byte* data, std::size_t size, std::vector<attachment> attachments);
flatbuffers::FlatBufferBuilder& reusable_builder(); // one per thread, cleared

} // namespace detail

/// A shared handle to a frame whose root is T. Copying copies a pointer; any thread.
template <class T>
class frame_of {
public:
  frame_of() = default; ///< empty; only to be assigned
  explicit frame_of(detail::shared_storage storage) : storage_(std::move(storage)) {}

  const T* operator->() const { return get(); }
  const T& operator*() const { return *get(); }
  explicit operator bool() const { return storage_ != nullptr; }
  std::span<const std::byte> bytes() const { return {storage_->data, storage_->size}; }
  const std::vector<attachment>& attachments() const { return storage_->attachments; }
  const detail::shared_storage& storage() const { return storage_; }

  /// The frame as plain C++ values.
  typename T::NativeTableType unpack() const {
    typename T::NativeTableType out;
    get()->UnPackTo(&out);
    return out;
  }

private:
  const T* get() const { return flatbuffers::GetRoot<T>(storage_->data); }
  detail::shared_storage storage_;
};

/// A frame whose type is known only at run time. Copying copies a pointer; any thread.
struct any_frame {
  frame_type type = frame_type::none;
  detail::shared_storage storage;

  any_frame() = default;
  any_frame(frame_type t, detail::shared_storage s) : type(t), storage(std::move(s)) {}
  template <class T>
  any_frame(const frame_of<T>& frame) : type(frame_type_of<T>), storage(frame.storage()) {}

  std::span<const std::byte> bytes() const { return {storage->data, storage->size}; }
  const std::vector<attachment>& attachments() const { return storage->attachments; }
  /// REQUIRES: type is T's.
  template <class T>
  frame_of<T> as() const {
    return frame_of<T>(storage);
  }
};

/// Builds a frame with a builder: fill(builder) returns the root's offset. Any thread; not to be nested.
template <class T, class Fill>
frame_of<T> build_frame(Fill&& fill, std::vector<attachment> attachments = {}) {
  auto& builder = detail::reusable_builder();
  flatbuffers::Offset<T> root = std::forward<Fill>(fill)(builder);
  builder.Finish(root);
  return frame_of<T>(detail::store(reinterpret_cast<const std::byte*>(builder.GetBufferPointer()), builder.GetSize(),
                                   std::move(attachments)));
}

/// Builds a frame from plain C++ values: make_frame<wire::Close>({.id = 7}).
template <class T>
frame_of<T> make_frame(const typename T::NativeTableType& value, std::vector<attachment> attachments = {}) {
  return build_frame<T>([&](flatbuffers::FlatBufferBuilder& b) { return T::Pack(b, &value); },
                        std::move(attachments));
}

/// Bounds for frames from outside.
struct frame_limits {
  std::size_t max_bytes = std::size_t{16} << 20;
  std::size_t max_depth = 32;
  std::size_t max_tables = 1'000'000;
};

/// Verifies bytes from another process as a frame of the given type (FlatBuffers verifier, size and depth limits,
/// parallel vectors of equal length). Errors: corrupt, too_large, unsupported (unknown type).
expected<void> verify(frame_type type, std::span<const std::byte> bytes, const frame_limits& limits = {});

/// Errors: too_large.
expected<void> verify_size(std::size_t bytes, const frame_limits& limits);

/// Copies bytes from outside into an aligned frame and verifies that.
template <class T>
expected<frame_of<T>> read_frame(std::span<const std::byte> bytes, const frame_limits& limits = {},
                                 std::vector<attachment> attachments = {}) {
  if (auto ok = verify_size(bytes.size(), limits); !ok) return fail(ok.error());
  auto storage = detail::store(bytes.data(), bytes.size(), std::move(attachments));
  if (auto ok = verify(frame_type_of<T>, {storage->data, storage->size}, limits); !ok) return fail(ok.error());
  return frame_of<T>(std::move(storage));
}

/// Verifies bytes from outside that lie aligned already, and are kept by `storage`. Errors: those of verify.
expected<any_frame> read_in_place(frame_type type, detail::shared_storage storage, const frame_limits& limits = {});

/// The eight bytes before every frame on a ZeroMQ connection.
struct frame_header {
  static constexpr std::size_t size = 8;
  frame_type type = frame_type::none;

  void write(std::byte (&out)[size]) const;
  /// Errors: corrupt (size, magic), version_mismatch ("protocol 3.0 found, 0.1 expected").
  static expected<frame_header> read(std::span<const std::byte> bytes);
};

} // namespace tokamak
