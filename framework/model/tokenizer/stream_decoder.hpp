// Token ids to text one at a time, never emitting part of a character (step 6 of the way of a token).
#pragma once

#include "model/tokenizer/tokenizer.hpp"
#include "model/tokenizer/utf8.hpp"

#include <cstdint>
#include <string>

namespace tokamak {

/// The pieces returned by push and flush, joined, equal tokenizer::decode of all ids with the same
/// options, wherever the ids are cut. With decoded_bytes::text every piece is valid UTF-8: up to three
/// bytes that may still become a character are held back; bytes that no longer can become U+FFFD at
/// once. With decoded_bytes::raw nothing is held back.
/// One stream is used by one thread at a time. REQUIRES: the tokenizer outlives it. Copyable, so that a
/// forked sequence can go on from the same state.
class stream_decoder {
public:
  explicit stream_decoder(const tokenizer& tokens, decode_options options = {})
      : tokens_(&tokens), options_(options) {}

  /// The text that this token completes; may be empty. An id outside the vocabulary stands for nothing.
  std::string push(std::int32_t id);
  void push(std::int32_t id, std::string& out); ///< appends

  /// Ends the text: what was held back, as U+FFFD. The decoder is then as new.
  std::string flush();
  void flush(std::string& out); ///< appends

  /// Bytes now held back, 0 to 3.
  std::size_t pending_bytes() const { return repair_.pending_bytes(); }

private:
  const tokenizer* tokens_;
  decode_options options_;
  utf8_repair repair_;
  bool at_start_ = true;
};

} // namespace tokamak
