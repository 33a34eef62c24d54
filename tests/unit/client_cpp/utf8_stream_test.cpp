// Text in pieces stays valid UTF-8.
#include <doctest/doctest.h>

#include "utf8_stream.hpp"

using tokamak::client_detail::utf8_stream;

namespace {
std::string in_bytes(const std::string& text) {
  utf8_stream stream;
  std::string out;
  for (const char byte : text) out += stream.feed(std::string_view(&byte, 1), false);
  return out + stream.feed("", true);
}
} // namespace

TEST_CASE("characters cut anywhere come out whole") {
  const std::string text = "aé€𝄞\u07ff\u0800\ud7ff\U0010ffffz";
  CHECK(in_bytes(text) == text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    utf8_stream stream;
    const std::string first = stream.feed(text.substr(0, cut), false);
    CHECK(in_bytes(first) == first);
    CHECK(first + stream.feed(text.substr(cut), true) == text);
  }
}

TEST_CASE("an unfinished character is held, and replaced only at the end") {
  utf8_stream stream;
  CHECK(stream.feed("ok\xe2\x82", false) == "ok");
  CHECK(stream.feed("\xac", false) == "€");
  CHECK(stream.feed("\xf0\x9d", false) == "");
  CHECK(stream.feed("", true) == "\ufffd");
}

TEST_CASE("what can be no character is replaced at once, the rest kept") {
  utf8_stream stream;
  CHECK(stream.feed("a\xff" "b", false) == "a\ufffdb");
  CHECK(stream.feed("\xc0\xaf", false) == "\ufffd\ufffd");         // overlong
  CHECK(stream.feed("\xed\xa0\x80", false) == "\ufffd\ufffd\ufffd"); // surrogate
  CHECK(stream.feed("\xf4\x90x", false) == "\ufffd\ufffdx");        // beyond U+10FFFF
  CHECK(stream.feed("\xe2\x82x", false) == "\ufffdx");
}
