// Memory that the host holds a handle to: bound values, exported blocks, embeddings.
#pragma once

#include "memory_account.hpp"
#include "tokamak/kernels/aligned_buffer.hpp"

#include <cstddef>
#include <cstdint>

namespace tokamak::cpu {

/// 64-byte aligned and zeroed.
struct buffer {
  charge held;
  kernels::aligned_buffer memory;

  /// True if `bytes` from `offset` on lie inside.
  bool holds(std::uint64_t offset, std::uint64_t bytes) const {
    return offset <= memory.size() && bytes <= memory.size() - offset;
  }
};

} // namespace tokamak::cpu
