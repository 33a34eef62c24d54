// Edits of sound bytes as a fuzzer's input: they get past checks that bytes from nothing rarely pass.
#pragma once

#include <cstddef>
#include <span>

namespace tokamak::fuzz {

/// Edits are three bytes each: a place (little endian, taken modulo the length) and what is written there.
/// REQUIRES: bytes is not empty.
inline void apply_edits(std::span<std::byte> bytes, std::span<const std::byte> edits) {
  for (; edits.size() >= 3; edits = edits.subspan(3)) {
    const auto place = std::to_integer<std::size_t>(edits[0]) | std::to_integer<std::size_t>(edits[1]) << 8;
    bytes[place % bytes.size()] = edits[2];
  }
}

} // namespace tokamak::fuzz
