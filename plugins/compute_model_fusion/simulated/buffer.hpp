// Buffers of the simulated backend: values that nobody reads are never made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tokamak::simulated {

/// The token that "the model" puts behind another one: a pure function, from the middle half of the vocabulary, since
/// control tokens mostly stand at its ends.
std::int32_t token_after(std::int32_t token, std::uint32_t position, std::uint64_t vocab_size);

/// Bytes as they were written, or rows of logits that a step left: in each of these one token has the logit 40 and
/// all others 0, so that it is as good as certain. Reading past the end is the caller's mistake; one thread.
class buffer {
public:
  explicit buffer(std::uint64_t bytes) : bytes_(bytes) {}

  std::uint64_t bytes() const { return bytes_; }
  bool holds(std::uint64_t offset, std::uint64_t bytes) const { return offset <= bytes_ && bytes <= bytes_ - offset; }

  /// A step's logits of `width` each, from `offset` on; what was written is forgotten.
  void leave_logits(std::uint64_t offset, std::uint64_t width, std::vector<std::int32_t> tokens);
  /// The token of the row that begins at `offset`; -1 where no logits were left.
  std::int32_t token_at(std::uint64_t offset) const;

  void read(std::uint64_t offset, std::span<std::byte> to) const;
  void write(std::uint64_t offset, std::span<const std::byte> from);

private:
  std::uint64_t bytes_;
  std::vector<std::byte> written_; ///< empty until something is written
  std::uint64_t logits_offset_ = 0;
  std::uint64_t width_ = 0;
  std::vector<std::int32_t> tokens_;
};

} // namespace tokamak::simulated
