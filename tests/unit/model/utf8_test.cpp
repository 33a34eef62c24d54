// UTF-8 checks and repair.
#include "model/tokenizer/utf8.hpp"
#include "unit/model/random_seed.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::test;

namespace {

std::string repaired(std::string_view bytes) {
  utf8_repair repair;
  std::string out;
  repair.push(bytes, out);
  repair.flush(out);
  return out;
}

} // namespace

TEST_CASE("every code point survives encoding, and none but scalar values are valid") {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    std::string text;
    append_utf8(c, text);
    const bool surrogate = c >= 0xD800 && c <= 0xDFFF;
    if (utf8_character_bytes(text) != (surrogate ? 0 : text.size())) {
      CAPTURE(static_cast<unsigned>(c));
      FAIL_CHECK("wrong length");
    }
    if (!surrogate && utf8_code_point(text) != c) {
      CAPTURE(static_cast<unsigned>(c));
      FAIL_CHECK("wrong code point");
    }
  }
}

TEST_CASE("overlong forms, surrogates and what lies past U+10FFFF are not characters") {
  for (const std::string bad : {"\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                                "\xF5\x80\x80\x80", "\x80", "\xFF", "\xE2\x82", "\xE2"})
    CHECK(utf8_character_bytes(bad) == 0);
  CHECK(utf8_valid_prefix("abcdefgh\xE2\x82\xAC\xE2\x82") == 11);
  CHECK(utf8_valid_prefix("") == 0);
}

TEST_CASE("each maximal part that cannot become a character is one U+FFFD") {
  // The example of the Unicode standard, chapter 3.9.
  CHECK(repaired("\x61\xF1\x80\x80\xE1\x80\xC2\x62\x80\x63\x80\xBF\x64") == "a\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd");
  CHECK(repaired("\xE2\x82") == "\uFFFD");
  CHECK(repaired("\xC0\x80") == "\uFFFD\uFFFD");
  CHECK(repaired("\xED\xA0\x80") == "\uFFFD\uFFFD\uFFFD");
  CHECK(repaired("\xF0\x9F\x98\x80\xF0\x9F") == "\U0001F600\uFFFD");
  CHECK(repaired("plain") == "plain");
}

TEST_CASE("repair gives the same valid text however the bytes are cut") {
  const std::uint64_t seed = random_seed();
  MESSAGE("TOKAMAK_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const char bytes[] = {'a', '\x80', '\xBF', '\xC2', '\xE0', '\xA0', '\xED', '\xF0', '\x9F', '\xF4', '\x90', '\xFF'};
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (auto n = random() % 12; n > 0; --n)
      text += bytes[random() % sizeof bytes];
    const std::string whole = repaired(text);
    CHECK(utf8_valid_prefix(whole) == whole.size());
    utf8_repair repair;
    std::string pieces;
    for (const char byte : text) {
      repair.push({&byte, 1}, pieces);
      CHECK(utf8_valid_prefix(pieces) == pieces.size());
    }
    repair.flush(pieces);
    CHECK(pieces == whole);
  }
}
