// Logits are written down only for who reads them.
#include "buffer.hpp"

#include <algorithm>
#include <cstring>

namespace tokamak::simulated {

std::int32_t token_after(std::int32_t token, std::uint32_t position, std::uint64_t vocab_size) {
  // SplitMix64's mixing (Steele, Lea & Flood 2014).
  std::uint64_t z = (std::uint64_t{position} << 32 ^ static_cast<std::uint32_t>(token)) + 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  z ^= z >> 31;
  const auto half = std::max<std::uint64_t>(1, vocab_size / 2);
  return static_cast<std::int32_t>(vocab_size / 4 + z % half);
}

void buffer::leave_logits(std::uint64_t offset, std::uint64_t width, std::vector<std::int32_t> tokens) {
  written_.clear();
  logits_offset_ = offset;
  width_ = width;
  tokens_ = std::move(tokens);
}

std::int32_t buffer::token_at(std::uint64_t offset) const {
  if (tokens_.empty() || offset < logits_offset_) return -1;
  const auto row = (offset - logits_offset_) / (width_ * sizeof(float));
  return row < tokens_.size() ? tokens_[row] : -1;
}

void buffer::read(std::uint64_t offset, std::span<std::byte> to) const {
  if (!written_.empty()) {
    std::memcpy(to.data(), written_.data() + offset, to.size());
    return;
  }
  std::memset(to.data(), 0, to.size());
  constexpr float certain = 40;
  for (std::size_t row = 0; row < tokens_.size(); ++row) {
    const auto at = logits_offset_ + (row * width_ + static_cast<std::uint64_t>(tokens_[row])) * sizeof(float);
    if (at >= offset && at + sizeof certain <= offset + to.size()) std::memcpy(to.data() + (at - offset), &certain, sizeof certain);
  }
}

void buffer::write(std::uint64_t offset, std::span<const std::byte> from) {
  if (from.empty()) return;
  written_.resize(bytes_);
  tokens_.clear();
  std::memcpy(written_.data() + offset, from.data(), from.size());
}

} // namespace tokamak::simulated
