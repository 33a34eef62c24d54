// Remembers the token ids of short stretches of text: words repeat, merging them again is waste.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tokamak {

/// A fixed number of slots, each written at most once and then immutable, so readers need no lock and
/// memory is bounded whatever texts come (about 4.5 MiB when full). The cache only ever returns what was
/// stored for that very text: results do not depend on what is in it. Any thread.
class piece_cache {
public:
  static constexpr std::size_t max_text_bytes = 22;
  static constexpr std::size_t max_ids = 10;

  piece_cache();
  ~piece_cache();
  piece_cache(const piece_cache&) = delete;
  piece_cache& operator=(const piece_cache&) = delete;

  /// Appends the ids stored for `text`; false if there are none.
  bool append(std::string_view text, std::vector<std::int32_t>& out) const;

  /// Stores unless text or ids are too long or the slots for it are taken.
  void store(std::string_view text, std::span<const std::int32_t> ids) const;

private:
  // One cache line.
  struct alignas(64) entry {
    std::array<std::int32_t, max_ids> ids;
    std::array<char, max_text_bytes> text;
    std::uint8_t text_bytes;
    std::uint8_t id_count;
  };

  std::unique_ptr<std::atomic<const entry*>[]> slots_;
};

} // namespace tokamak
