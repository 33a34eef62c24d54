// Memory for weights and caches: 64-byte aligned, zeroed, on huge pages where the system offers them.
#pragma once

#include <cstddef>
#include <memory>

namespace tokamak::kernels {

/// Owns `size()` zeroed bytes. Movable, not copyable. `data()` is nullptr when the system had no memory
/// or the size is 0: check it.
class aligned_buffer {
public:
  aligned_buffer() = default;
  explicit aligned_buffer(std::size_t bytes);

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
