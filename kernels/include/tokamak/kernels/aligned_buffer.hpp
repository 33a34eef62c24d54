// Memory for weights and caches: 64-byte aligned, zeroed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tokamak::kernels {

enum class page_size : std::uint8_t {
  huge, ///< where the system offers them: for what is read as a whole
  small ///< for what is used in part: each page counts only once it is touched
};

/// Owns `size()` zeroed bytes. Movable, not copyable. `data()` is nullptr when the system had no memory
/// or the size is 0: check it.
class aligned_buffer {
public:
  aligned_buffer() = default;
  explicit aligned_buffer(std::size_t bytes, page_size pages = page_size::huge);

  std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

private:
  struct release {
    std::size_t mapped_bytes; ///< 0: from the heap
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], release> data_;
  std::size_t size_ = 0;
};

} // namespace tokamak::kernels
