// Large zeroed memory straight from the system, so that pages appear when first used and can be huge.
#include "tokamak/kernels/aligned_buffer.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace tokamak::kernels {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t alignment = 64;

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

std::byte* from_heap(std::size_t bytes) {
  void* memory = std::aligned_alloc(alignment, round_up(bytes, alignment));
  if (memory != nullptr) std::memset(memory, 0, bytes);
  return static_cast<std::byte*>(memory);
}

// Maps one huge page more than needed and gives back what lies outside the aligned part.
std::byte* from_system(std::size_t bytes, page_size pages) {
  const std::size_t wanted = round_up(bytes, huge_page);
  void* memory = mmap(nullptr, wanted + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(memory);
  const std::size_t head = round_up(reinterpret_cast<std::uintptr_t>(begin), huge_page) -
                           reinterpret_cast<std::uintptr_t>(begin);
  if (head != 0) munmap(begin, head);
  if (head != huge_page) munmap(begin + head + wanted, huge_page - head);
  // Wishes. The last part of a page is in small ones: a huge one would take memory that nobody asked for.
  const std::size_t huge = pages == page_size::huge ? bytes / huge_page * huge_page : 0;
  if (huge != 0) madvise(begin + head, huge, MADV_HUGEPAGE);
  if (huge != wanted) madvise(begin + head + huge, wanted - huge, MADV_NOHUGEPAGE);
  return begin + head;
}

} // namespace

aligned_buffer::aligned_buffer(std::size_t bytes, page_size pages) : size_(bytes) {
  if (bytes == 0) return;
  const bool mapped = bytes >= huge_page;
  if (bytes > SIZE_MAX / 2) return;
  data_ = {mapped ? from_system(bytes, pages) : from_heap(bytes), release{mapped ? round_up(bytes, huge_page) : 0}};
}

void aligned_buffer::release::operator()(std::byte* memory) const {
  if (mapped_bytes != 0)
    munmap(memory, mapped_bytes);
  else
    std::free(memory);
}

} // namespace tokamak::kernels
