// A slot is a pointer set once by compare-and-swap; entries live as long as the cache.
#include "model/tokenizer/piece_cache.hpp"

#include "model/tokenizer/byte_hash.hpp"

#include <algorithm>

namespace tokamak {
namespace {

constexpr std::size_t slot_count = std::size_t{1} << 16;
constexpr std::size_t ways = 4; // neighbouring slots tried for one text

} // namespace

piece_cache::piece_cache() : slots_(std::make_unique<std::atomic<const entry*>[]>(slot_count)) {}

piece_cache::~piece_cache() {
  for (std::size_t i = 0; i < slot_count; ++i)
    delete slots_[i].load(std::memory_order_relaxed);
}

bool piece_cache::append(std::string_view text, std::vector<std::int32_t>& out) const {
  if (text.size() > max_text_bytes)
    return false;
  const std::size_t slot = hash_bytes(text) & (slot_count - 1);
  for (std::size_t way = 0; way < ways; ++way) {
    const entry* found = slots_[slot ^ way].load(std::memory_order_acquire);
    if (found == nullptr)
      return false;
    if (std::string_view(found->text.data(), found->text_bytes) == text) {
      out.insert(out.end(), found->ids.begin(), found->ids.begin() + found->id_count);
      return true;
    }
  }
  return false;
}

void piece_cache::store(std::string_view text, std::span<const std::int32_t> ids) const {
  if (text.size() > max_text_bytes || ids.size() > max_ids)
    return;
  auto made = std::make_unique<entry>();
  std::copy(ids.begin(), ids.end(), made->ids.begin());
  std::copy(text.begin(), text.end(), made->text.begin());
  made->text_bytes = static_cast<std::uint8_t>(text.size());
  made->id_count = static_cast<std::uint8_t>(ids.size());
  const std::size_t slot = hash_bytes(text) & (slot_count - 1);
  for (std::size_t way = 0; way < ways; ++way) {
    const entry* expected = nullptr;
    if (slots_[slot ^ way].compare_exchange_strong(expected, made.get(), std::memory_order_release,
                                                   std::memory_order_relaxed)) {
      made.release();
      return;
    }
  }
}

} // namespace tokamak
