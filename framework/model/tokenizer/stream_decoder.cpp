// Whole decoding and streaming are this same code, so they cannot differ.
#include "model/tokenizer/stream_decoder.hpp"

namespace tokamak {

void stream_decoder::push(std::int32_t id, std::string& out) {
  std::string_view text = tokens_->piece(id);
  if (text.empty() && !options_.skip_special)
    text = tokens_->special_text(id);
  if (text.empty())
    return;
  if (at_start_ && options_.strip_space_prefix && tokens_->adds_space_prefix() && text.front() == ' ')
    text.remove_prefix(1);
  at_start_ = false;
  if (options_.bytes == decoded_bytes::raw)
    out += text;
  else
    repair_.push(text, out);
}

void stream_decoder::flush(std::string& out) {
  repair_.flush(out);
  at_start_ = true;
}

std::string stream_decoder::push(std::int32_t id) {
  std::string out;
  push(id, out);
  return out;
}

std::string stream_decoder::flush() {
  std::string out;
  flush(out);
  return out;
}

} // namespace tokamak
