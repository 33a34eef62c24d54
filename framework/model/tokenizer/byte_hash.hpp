// The hash of short byte strings that the token tables share.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace tokamak {

inline std::uint64_t mix_bits(std::uint64_t x) {
  x *= 0x9E3779B97F4A7C15U;
  x ^= x >> 32;
  return x;
}

/// Not for adversaries: whoever picks the strings can make them collide.
inline std::uint64_t hash_bytes(std::string_view text) {
  std::uint64_t hash = text.size();
  while (text.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), 8);
    hash = mix_bits(hash ^ word);
    text.remove_prefix(8);
  }
  if (!text.empty()) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), text.size());
    hash = mix_bits(hash ^ word);
  }
  return mix_bits(hash);
}

} // namespace tokamak
