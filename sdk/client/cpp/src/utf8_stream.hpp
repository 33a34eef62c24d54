// Pieces of UTF-8 text that may be cut anywhere, joined so that every piece handed on is valid by itself.
#pragma once

#include <string>
#include <string_view>

namespace tokamak::client_detail {

class utf8_stream {
public:
  /// What can be shown now: everything up to an unfinished character, which waits for the next piece. Bytes
  /// that can never become a character are replaced by U+FFFD, as is an unfinished one when `last`.
  std::string feed(std::string_view piece, bool last);

private:
  std::string held_; // at most three bytes
};

} // namespace tokamak::client_detail
