// Streaming detokenisation against whole decoding.
#include "model/tokenizer/stream_decoder.hpp"
#include "unit/model/made_vocabulary.hpp"
#include "unit/model/random_seed.hpp"

#include <doctest/doctest.h>

using namespace tokamak;
using namespace tokamak::test;

namespace {

bool valid(std::string_view text) { return utf8_valid_prefix(text) == text.size(); }

std::vector<std::int32_t> byte_ids(std::string_view text) {
  std::vector<std::int32_t> ids;
  for (const char c : text)
    ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

// Decodes ids[0, cut) and the rest with a copy of the same stream, as a forked sequence would.
std::string streamed(const tokenizer& tokens, std::span<const std::int32_t> ids, std::size_t cut, const decode_options& options) {
  stream_decoder first(tokens, options);
  std::string text;
  for (const auto id : ids.first(cut))
    text += first.push(id);
  stream_decoder second = first;
  for (const auto id : ids.subspan(cut))
    text += second.push(id);
  return text + second.flush();
}

} // namespace

TEST_CASE("a character that spans tokens is emitted whole, when its last byte comes") {
  const auto tokens = *byte_vocabulary().build();
  stream_decoder stream(*tokens);
  CHECK(stream.push(0xF0) == "");
  CHECK(stream.push(0x9F) == "");
  CHECK(stream.push(0x98) == "");
  CHECK(stream.pending_bytes() == 3);
  CHECK(stream.push(0x80) == "\U0001F600");
  CHECK(stream.push('a') == "a");
  CHECK(stream.flush() == "");
}

TEST_CASE("bytes become U+FFFD as soon as they can no longer become a character, and not before") {
  const auto tokens = *byte_vocabulary().build();
  stream_decoder stream(*tokens);
  CHECK(stream.push(0xE2) == "");
  CHECK(stream.push('x') == "\uFFFDx");
  CHECK(stream.push(0xFF) == "\uFFFD");
  CHECK(stream.push(0xE2) == "");
  CHECK(stream.push(0x82) == "");
  CHECK(stream.flush() == "\uFFFD");
  CHECK(stream.push(0x82) == "\uFFFD"); // after flush nothing is remembered
}

TEST_CASE("at every split the stream's pieces join to the whole decode") {
  const auto tokens = *byte_vocabulary({"h e", "he l"}).build();
  const std::string text = "hel\u00e9 \u20ac\U0001F600\xE2\x82 \xFF\xF0\x9F z\xED\xA0\x80 \u0928\u092e";
  for (const auto bytes : {decoded_bytes::text, decoded_bytes::raw}) {
    for (const bool skip : {true, false}) {
      const decode_options options{.skip_special = skip, .bytes = bytes};
      auto ids = tokens->encode(text);
      ids.insert(ids.begin() + 3, *tokens->find("<turn>"));
      ids.push_back(*tokens->find("<eos>"));
      const std::string whole = tokens->decode(ids, options);
      CHECK(valid(whole) == (bytes == decoded_bytes::text));
      for (std::size_t cut = 0; cut <= ids.size(); ++cut)
        CHECK(streamed(*tokens, ids, cut, options) == whole);
    }
  }
  CHECK(tokens->decode(tokens->encode(text), {.bytes = decoded_bytes::raw}) == text);
}

TEST_CASE("every piece of a random byte stream is valid UTF-8 and the pieces join to the whole") {
  const std::uint64_t seed = random_seed();
  MESSAGE("TOKAMAK_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  const auto tokens = *byte_vocabulary().build();
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (auto n = random() % 20; n > 0; --n) {
      if (random() % 2)
        append_utf8(static_cast<char32_t>(random() % 0xD800), text);
      else
        text += static_cast<char>(random());
    }
    stream_decoder stream(*tokens);
    std::string joined;
    for (const auto id : byte_ids(text)) {
      const std::string piece = stream.push(id);
      CHECK(valid(piece));
      joined += piece;
    }
    joined += stream.flush();
    CHECK(joined == tokens->decode(byte_ids(text)));
  }
}

TEST_CASE("ids outside the vocabulary stand for nothing") {
  const auto tokens = *byte_vocabulary().build();
  stream_decoder stream(*tokens);
  for (const std::int32_t id : {-1, tokens->vocab_size(), 2147483647, -2147483647 - 1})
    CHECK(stream.push(id) == "");
  CHECK(tokens->decode(std::vector<std::int32_t>{'a', -1, 'b', 1 << 30}) == "ab");
}

TEST_CASE("the space prefix is stripped once, from the first text only") {
  const auto tokens = *piece_vocabulary({"\u2581a", "a", "\u2581"}).build();
  const auto ids = tokens->encode("a a", {.add_special = false});
  CHECK(tokens->decode(ids) == " a a");
  CHECK(tokens->decode(ids, {.strip_space_prefix = true}) == "a a");
  stream_decoder stream(*tokens, {.strip_space_prefix = true});
  CHECK(stream.push(1) == ""); // <s>
  CHECK(stream.push(ids[0]) == "a");
  CHECK(stream.push(ids[1]) == " a");
  CHECK(stream.flush() == "");
  CHECK(stream.push(ids[0]) == "a"); // as new
}
